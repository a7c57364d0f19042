package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Real models' templates against what transformers renders (recorded by
/// `tools/chat-template-fixtures/generate.py`). Templates that may not be copied are left out here
/// and checked by that folder's own script.
class ReferenceChatTemplatesTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-03-09T14:05:07Z"), ZoneOffset.UTC);

  @Test
  void everyConversationRendersAsTheReferenceDoesOrIsRefusedForWhatItWouldLeaveOut()
      throws IOException {
    JsonNode fixture = fixture();
    List<String> tools = new ArrayList<>();
    fixture.path("tools").forEach(tool -> tools.add(tool.toString()));
    Map<String, JsonNode> conversations = new LinkedHashMap<>();
    for (JsonNode json : fixture.path("conversations")) {
      conversations.put(json.path("name").asText(), json);
    }

    List<String> wrong = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    int same = 0;
    for (JsonNode model : fixture.path("models")) {
      if (!model.has("template")) {
        continue;
      }
      ChatTemplate template = template(model);
      for (JsonNode test : model.path("cases")) {
        String name = model.path("name").asText() + ": " + test.path("conversation").asText();
        String found =
            render(
                template,
                conversation(
                    conversations.getOrDefault(
                        test.path("conversation").asText(), MissingNode.getInstance()),
                    tools),
                test.path("prompt").asBoolean());
        if (found.equals(test.path("output").asText())) {
          same++;
        } else if (found.startsWith("the model's chat template leaves out")) {
          refused.add(name);
        } else {
          wrong.add(name + "\n  wanted " + test.path("output").asText() + "\n  found  " + found);
        }
      }
    }

    assertThat(wrong).isEmpty();
    assertThat(same).isGreaterThan(70);
    assertThat(refused).allMatch(name -> name.contains("tool"));
  }

  private static ChatTemplate template(JsonNode model) {
    Map<String, String> special = new LinkedHashMap<>();
    model
        .path("special")
        .properties()
        .forEach(entry -> special.put(entry.getKey(), entry.getValue().asText()));
    return ChatTemplate.of(model.path("template").asText(), special);
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

  private static JsonNode fixture() throws IOException {
    try (InputStream in =
        ReferenceChatTemplatesTest.class.getResourceAsStream("chat-templates.json")) {
      return new ObjectMapper().readTree(in);
    }
  }
}
