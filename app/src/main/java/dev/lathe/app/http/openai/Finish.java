package dev.lathe.app.http.openai;

import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.platform.gateway.Reply;

/// Why an answer ended, in OpenAI's words.
final class Finish {
  static final String MEANING =
      "`stop`: the model or a stop text ended it; `length`: the most tokens;"
          + " `tool_calls`: it calls tools";

  private Finish() {}

  /// @throws Refusal when it is incomplete
  static String reason(Reply reply) {
    Serving.incomplete(reply)
        .ifPresent(refusal -> {
          throw refusal;
        });
    return reply.ending() == Reply.Ending.LENGTH ? "length" : "stop";
  }

  /// As [#reason(Reply)].
  ///
  /// @param called whether tools are called
  static String reason(Reply reply, boolean called) {
    String reason = reason(reply);
    return called && reason.equals("stop") ? "tool_calls" : reason;
  }
}
