package dev.lathe.app.http.service;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.model.TinyModels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Tiny random models with more context than usual and chat templates that know more.
final class TalkingModel {
  /// The token `</think>` of [#thinking].
  static final int THOUGHTS_END = TinyModels.END_OF_TEXT;

  private static final int CONTEXT = 2048;
  private static final ObjectMapper JSON = new ObjectMapper();

  private TalkingModel() {}

  /// One whose template knows no tools.
  static Path plain(Path directory, long seed) {
    TinyModels.llama(directory, seed);
    ObjectNode config = read(directory.resolve("config.json"));
    config.put("max_position_embeddings", CONTEXT).put("eos_token_id", TinyModels.TURN_END);
    write(directory.resolve("config.json"), config.toString());
    return directory;
  }

  /// One whose template offers tools and writes calls as many models do.
  static Path withTools(Path directory, long seed) {
    plain(directory, seed);
    return template(
        directory,
        """
        {%- if tools %}{{- '<|im_start|>system\\n# Tools\\n' }}
        {%- for tool in tools %}{{- tool | tojson }}{{- '\\n' }}{%- endfor %}{{- '<|im_end|>\\n' }}
        {%- endif %}
        {%- for message in messages %}
          {%- if message.role == 'tool' %}
            {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
          {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
            {%- for call in message.tool_calls or [] %}
              {{- '\\n' if not loop.first or message.content else '' }}
              {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
              {{- call.function.arguments | tojson }}{{- '}\\n</tool_call>' }}
            {%- endfor %}
            {{- '<|im_end|>\\n' }}
          {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
        """);
  }

  /// One whose template names calls, with nine characters and nothing else.
  static Path withCallIds(Path directory, long seed) {
    plain(directory, seed);
    return template(
        directory,
        """
        {%- for tool in tools or [] %}{{- '[tool]' + tool.function.name }}{%- endfor %}
        {%- for message in messages %}
          {%- if message.role == 'tool' %}
            {%- if message.tool_call_id is undefined or message.tool_call_id | length != 9 %}
              {{- raise_exception('the id of a call has nine characters') }}
            {%- endif %}
            {{- '<|im_start|>result ' + message.tool_call_id + ' ' + message.content + '<|im_end|>\n' }}
          {%- elif message.tool_calls %}
            {{- '<|im_start|>' + message.role + '\n[CALLS][' }}
            {%- for call in message.tool_calls %}
              {%- if call.id is undefined or call.id | length != 9 %}
                {{- raise_exception('the id of a call has nine characters') }}
              {%- endif %}
              {{- ', ' if not loop.first else '' }}
              {{- '{"name": "' + call.function.name + '", "arguments": ' }}
              {{- call.function.arguments | tojson }}{{- ', "id": "' + call.id + '"}' }}
            {%- endfor %}
            {{- ']<|im_end|>\n' }}
          {%- else %}
            {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
          {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """);
  }

  /// One that thinks before it answers, unless `enable_thinking` is false.
  static Path thinking(Path directory, long seed) {
    plain(directory, seed);
    Path tokenizer = directory.resolve("tokenizer.json");
    write(tokenizer, read(tokenizer).toString().replace("<|endoftext|>", "</think>"));
    return template(
        directory,
        """
        {%- for message in messages %}
          {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}
          {{- '<|im_start|>assistant\\n<think>\\n' }}
          {%- if enable_thinking is defined and enable_thinking is false %}
            {{- '\\n</think>\\n\\n' }}
          {%- endif %}
        {%- endif %}
        """);
  }

  /// One that begins to think by itself where it likes, and not where `enable_thinking` is false.
  static Path perhapsThinking(Path directory, long seed) {
    thinking(directory, seed);
    return template(
        directory,
        """
        {%- for message in messages %}
          {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}
          {{- '<|im_start|>assistant\\n' }}
          {%- if enable_thinking is defined and enable_thinking is false %}
            {{- '<think>\\n\\n</think>\\n\\n' }}
          {%- endif %}
        {%- endif %}
        """);
  }

  /// One that thinks before each answer.
  static Path alwaysThinking(Path directory, long seed) {
    thinking(directory, seed);
    return template(
        directory,
        """
        {%- for message in messages %}
          {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}
        """);
  }

  private static Path template(Path directory, String template) {
    write(directory.resolve("chat_template.jinja"), template);
    return directory;
  }

  private static ObjectNode read(Path file) {
    try {
      return (ObjectNode) JSON.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
