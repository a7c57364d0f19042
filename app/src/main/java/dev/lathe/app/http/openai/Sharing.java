package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.compute.engine.Terms;

/// How a request shares the server with others.
///
/// @param bucket within one caller, what was computed for a prompt is used again only for requests
///   of the same bucket
/// @param priority more is served later
record Sharing(String bucket, int priority) {
  static Sharing read(Fields in) {
    String user =
        in.field("user", "names an end user: computed prompts are shared within it only").text("");
    String key =
        in.field("prompt_cache_key", "computed prompts are shared within it only").text("");
    String salt = in.field("cache_salt", "computed prompts are shared within it only").text("");
    int priority = in.field("priority", "more is served later").whole(Range.of(0, 10), 0);
    in.refused("safety_identifier", "use user");
    in.refused("prompt_cache_retention", "prompts are kept as long as there is room");
    return new Sharing(user + "\n" + key + "\n" + salt, priority);
  }

  Terms terms(Serving serving, Call call) {
    return serving.terms(call, bucket, -priority);
  }
}
