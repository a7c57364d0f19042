package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Schemas;
import dev.lathe.platform.gateway.Prompt;
import java.util.ArrayList;
import java.util.List;

/// One or several texts, each as it stands or as tokens: what completions and embeddings take.
final class Prompts {
  /// Most prompts of one request.
  private static final int MOST = 2048;

  private Prompts() {}

  static ObjectNode schema() {
    ObjectNode tokens = Schemas.list(Schemas.whole());
    return Schemas.either(
        Schemas.text(), Schemas.list(Schemas.text()), tokens, Schemas.list(tokens));
  }

  static List<Prompt> read(JsonNode found) {
    if (found.isTextual()) {
      return List.of(new Prompt.Raw(found.textValue()));
    }
    if (!found.isArray() || found.isEmpty()) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "wanted is a text, a list of texts, of tokens, or of lists of tokens");
    }
    if (found.get(0).isNumber()) {
      return List.of(tokens(found, ""));
    }
    if (found.size() > MOST) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "there are %,d prompts, at most %,d go into one request".formatted(found.size(), MOST));
    }
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < found.size(); i++) {
      JsonNode each = found.get(i);
      prompts.add(
          each.isTextual() ? new Prompt.Raw(each.textValue()) : tokens(each, "[" + i + "]"));
    }
    return prompts;
  }

  private static Prompt tokens(JsonNode found, String at) {
    if (!found.isArray()) {
      throw new Refusal(Fault.INVALID_VALUE, "a prompt is neither a text nor a list of tokens", at);
    }
    int[] ids = new int[found.size()];
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = found.get(i);
      if (!id.canConvertToInt() || !id.isIntegralNumber() || id.intValue() < 0) {
        throw new Refusal(Fault.INVALID_VALUE, id + " is no token", at + "[" + i + "]");
      }
      ids[i] = id.intValue();
    }
    return new Prompt.Tokens(ids);
  }
}
