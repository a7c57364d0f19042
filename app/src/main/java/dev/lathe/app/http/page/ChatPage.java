package dev.lathe.app.http.page;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The page at `/` on which people chat, and its files under `/page/`. They are part of the
/// program; nobody needs a key to see them, and they ask the API with the key that a person gives.
public final class ChatPage {
  /// Nothing but the page's own files runs, is shown or is asked, and no other page may frame it.
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
          + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private static final String HTML = "text/html; charset=utf-8";
  private static final String SCRIPT = "text/javascript; charset=utf-8";
  private static final String WORDS = "application/json";

  private static final Map<String, String> MEDIA_TYPES =
      Map.of(
          "chat.css", "text/css; charset=utf-8",
          "chat.js", SCRIPT,
          "icon.svg", "image/svg+xml",
          "look.js", SCRIPT,
          "markdown.js", SCRIPT,
          "words.en.json", WORDS,
          "words.zh.json", WORDS);

  private ChatPage() {}

  public static List<Route> routes() {
    return List.of(
        Route.get("/")
            .needs(Operation.LOOK)
            .summary("The chat page")
            .givesText(HTML, "the page")
            .by(call -> send(call, HTML, "index.html")),
        Route.get("/page/{file}")
            .needs(Operation.LOOK)
            .summary("A file of the chat page")
            .parameter("file", "its name")
            .givesText("*/*", "the file")
            .fails(Fault.NOT_FOUND)
            .by(ChatPage::file));
  }

  private static void file(Call call) throws IOException {
    String name = call.segment("file");
    String mediaType = MEDIA_TYPES.get(name);
    if (mediaType == null) {
      throw new Refusal(Fault.NOT_FOUND, "the chat page has no file '" + name + "'");
    }
    send(call, mediaType, name);
  }

  private static void send(Call call, String mediaType, String name) throws IOException {
    call.header("Content-Security-Policy", POLICY);
    call.header("Referrer-Policy", "no-referrer");
    call.header("Cache-Control", "no-cache");
    call.send(mediaType, read(name));
  }

  private static String read(String name) throws IOException {
    try (InputStream in = ChatPage.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
