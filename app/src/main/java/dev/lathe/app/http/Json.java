package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.OutputStream;

/// Where JSON is written.
final class Json {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private Json() {}

  /// Writes objects one after the other, with nothing between them.
  static JsonGenerator generator(OutputStream out) {
    try {
      JsonGenerator generator = MAPPER.getFactory().createGenerator(out);
      generator.setRootValueSeparator(null);
      return generator
          .disable(JsonGenerator.Feature.FLUSH_PASSED_TO_STREAM)
          .enable(JsonGenerator.Feature.COMBINE_UNICODE_SURROGATES_IN_UTF8);
    } catch (IOException e) {
      throw new IllegalStateException("a generator over memory", e);
    }
  }
}
