package dev.lathe.platform.registry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelSource.HuggingFace;
import dev.lathe.platform.registry.RemoteFile.Digest;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The Hugging Face hub's HTTP interface: `/api/models/REPO/revision/REV` names the commit and the
/// licence, `/api/models/REPO/tree/COMMIT` the files (in pages), `/REPO/resolve/COMMIT/FILE` gives
/// one. Refusals carry their reason in `X-Error-Code`.
///
/// @param settings where the hub is, and the token for it
record HuggingFaceApi(HuggingFace source, SourceSettings settings) implements HubOrigin.Api {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Pattern NEXT_CURSOR =
      Pattern.compile("<[^>]*[?&]cursor=([^&>]+)[^>]*>;\\s*rel=\"next\"");

  @Override
  public HttpTransfer.Hub hub() {
    return new HttpTransfer.Hub(settings.hubEndpoint(), settings.hubToken(), this::refusal);
  }

  @Override
  public Optional<String> wantedFile() {
    return source.file();
  }

  @Override
  public String where() {
    return "model '%s' of '%s'".formatted(source.repository(), settings.hubEndpoint());
  }

  @Override
  public HubOrigin.Api.Listing list(HttpTransfer transfer) throws IOException {
    String revision = HubOrigin.encoded(source.revision().orElse("main"));
    JsonNode info = JSON.readTree(transfer.get(api("/revision/" + revision)).body());
    String commit = info.path("sha").asText("");
    if (!commit.matches("[0-9a-f]{40}")) {
      throw new IOException("it names no commit");
    }
    String licence = info.path("cardData").path("license").asText("");
    return new HubOrigin.Api.Listing(
        commit, Optional.of(licence).filter(text -> !text.isEmpty()), tree(transfer, commit));
  }

  private List<RemoteFile> tree(HttpTransfer transfer, String commit) throws IOException {
    String folder = source.file().map(HuggingFaceApi::folder).orElse("");
    String tree = "/tree/" + commit + HubOrigin.encodedPath(folder);
    List<RemoteFile> files = new ArrayList<>();
    String query = "";
    do {
      HttpTransfer.Reply page = transfer.get(api(tree + query));
      for (JsonNode entry : JSON.readTree(page.body())) {
        if (entry.path("type").asText().equals("file")) {
          files.add(file(entry));
        }
      }
      Matcher next = NEXT_CURSOR.matcher(page.response().headers().firstValue("Link").orElse(""));
      query = next.find() ? "?cursor=" + next.group(1) : "";
    } while (!query.isEmpty());
    return files;
  }

  private static String folder(String path) {
    return path.contains("/") ? "/" + path.substring(0, path.lastIndexOf('/')) : "";
  }

  private static RemoteFile file(JsonNode entry) {
    JsonNode large = entry.path("lfs");
    String path = entry.path("path").asText();
    if (large.isObject()) {
      return new RemoteFile(
          path,
          large.path("size").asLong(-1),
          digest(Digest.Kind.SHA_256, large.path("oid").asText(), 64));
    }
    return new RemoteFile(
        path,
        entry.path("size").asLong(-1),
        digest(Digest.Kind.GIT_BLOB, entry.path("oid").asText(), 40));
  }

  private static Optional<Digest> digest(Digest.Kind kind, String hex, int digits) {
    return hex.matches("[0-9a-f]{" + digits + "}")
        ? Optional.of(new Digest(kind, hex))
        : Optional.empty();
  }

  private URI api(String rest) {
    return HubOrigin.at(settings.hubEndpoint(), "/api/models/" + source.repository() + rest);
  }

  @Override
  public URI file(String revision, String path) {
    return HubOrigin.at(
        settings.hubEndpoint(),
        "/%s/resolve/%s/%s".formatted(source.repository(), revision, HubOrigin.encodedPath(path)));
  }

  @Override
  public LatheException refusal(HttpResponse<?> response) {
    int status = response.statusCode();
    String code = response.headers().firstValue("X-Error-Code").orElse("");
    boolean hasToken = settings.hubToken().isPresent();
    if (code.equals("GatedRepo")) {
      return LatheException.user(
          "%s is gated (HTTP %d)".formatted(where(), status),
          hasToken
              ? "the token in HF_TOKEN has no access: accept the terms on the model's page first"
              : "accept its terms on the model's page, then set HF_TOKEN to a token of yours");
    }
    if (code.equals("RevisionNotFound")) {
      return LatheException.notFound(
          "%s has no revision '%s'".formatted(where(), source.revision().orElse("main")),
          "name a branch, tag or commit of it");
    }
    if (code.equals("EntryNotFound")) {
      return LatheException.notFound(
          "%s lacks a file (HTTP %d for '%s')".formatted(where(), status, response.uri().getPath()),
          "check the revision");
    }
    return byStatus(status, hasToken);
  }

  private LatheException byStatus(int status, boolean hasToken) {
    return switch (status) {
      case 401 ->
          LatheException.notFound(
              "%s is not public or not there (HTTP 401)".formatted(where()),
              hasToken
                  ? "check the spelling and the token in HF_TOKEN"
                  : "check the spelling; for a private model set HF_TOKEN");
      case 403 ->
          LatheException.user(
              "%s is forbidden (HTTP 403)".formatted(where()),
              hasToken ? "the token in HF_TOKEN has no access to it" : "set HF_TOKEN");
      case 404 ->
          LatheException.notFound(
              "%s is not there (HTTP 404)".formatted(where()), "check the spelling");
      default ->
          LatheException.environment(
              "%s answered HTTP %d".formatted(where(), status), "check HF_ENDPOINT", null);
    };
  }
}
