package dev.lathe.app.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.CallParser;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Reply;
import java.util.Locale;
import java.util.Optional;

/// How replies are written down.
///
/// @param calls the form of calls, where tools are offered
record ReplyLines(Format format, Optional<CallForm> calls, Generator generator) {
  /// Text with an empty line between replies, or a JSON object for each.
  enum Format {
    TEXT,
    JSONL
  }

  /// One reply to be given.
  ///
  /// @param index of it among the replies to the row
  record Wanted(GenerateRow row, int index, Ask ask) {}

  /// @param place of the reply among all, from 0
  String of(Wanted wanted, Reply reply, int place) {
    return switch (format) {
      case TEXT -> (place == 0 ? "" : "\n") + reply.text() + "\n";
      case JSONL -> json(wanted, reply) + "\n";
    };
  }

  private String json(Wanted wanted, Reply reply) {
    ObjectNode line = wanted.row().fields().deepCopy();
    if (wanted.row().decoding().n() > 1) {
      line.put("index", wanted.index());
    }
    if (calls.isPresent()) {
      CallParser.Parsed parsed = calls.get().parser().parse(reply.text());
      line.put("output", parsed.text());
      ArrayNode list = line.putArray("tool_calls");
      for (ToolCall call : parsed.calls()) {
        list.addObject().put("name", call.name()).put("arguments", call.argumentsJson());
      }
    } else {
      line.put("output", reply.text());
    }
    line.put("finish", reply.ending().name().toLowerCase(Locale.ROOT));
    line.put("prompt_tokens", reply.promptTokens());
    line.put("output_tokens", reply.outputTokens());
    Logprobs logprobs = wanted.ask().logprobs();
    if (logprobs.prompt() >= 0) {
      ArrayNode list = line.putArray("prompt_logprobs");
      int first = generator.encode(wanted.ask().prompt())[0];
      token(list.addObject(), first).putNull("logprob");
      reply.promptLikelihoods().forEach(each -> scored(list.addObject(), each));
    }
    if (logprobs.output() >= 0) {
      ArrayNode list = line.putArray("logprobs");
      reply.likelihoods().forEach(each -> scored(list.addObject(), each));
    }
    return line.toString();
  }

  private void scored(ObjectNode node, Likelihood likelihood) {
    token(node, likelihood.token()).put("logprob", likelihood.logprob());
    ArrayNode list = node.putArray("top_logprobs");
    for (Likelihood.Alternative each : likelihood.likeliest()) {
      token(list.addObject(), each.token()).put("logprob", each.logprob());
    }
  }

  private ObjectNode token(ObjectNode node, int id) {
    return node.put("token", generator.tokenizer().decode(new int[] {id}, false)).put("id", id);
  }
}
