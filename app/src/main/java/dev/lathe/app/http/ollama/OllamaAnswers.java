package dev.lathe.app.http.ollama;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.EventStream;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.app.http.serving.TokenLogprobs;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.AnswerStream;
import dev.lathe.platform.gateway.AnswerStream.Part;
import dev.lathe.platform.gateway.Answers;
import dev.lathe.platform.gateway.Answers.Event;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Reply;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// `/api/chat` and `/api/generate`.
final class OllamaAnswers {
  private final Serving serving;
  private final Clock clock;

  OllamaAnswers(Serving serving, Clock clock) {
    this.serving = serving;
    this.clock = clock;
  }

  Route chat() {
    return route(
        "/api/chat",
        "Answer a conversation, as Ollama does",
        "OllamaChatRequest",
        OllamaRequest::chat,
        OllamaLine.CHAT);
  }

  Route generate() {
    return route(
        "/api/generate",
        "Answer a question, as Ollama does",
        "OllamaGenerateRequest",
        OllamaRequest::generate,
        OllamaLine.GENERATE);
  }

  private Route route(
      String path,
      String summary,
      String body,
      Function<Fields, OllamaRequest> reader,
      Shape<OllamaLine> shape) {
    return Route.post(path)
        .needs(Operation.GENERATE)
        .summary(summary)
        .gives(
            EventStream.Form.LINES.mediaType(), shape, "a line for each part, `done` in the last")
        .gives("application/json", shape, "with `stream: false`: all of it")
        .fails(Serving.FAULTS)
        .errorsAs(OllamaRoutes.ERROR)
        .by(body, reader, (call, request) -> answer(call, request, shape));
  }

  private void answer(Call call, OllamaRequest request, Shape<OllamaLine> shape)
      throws IOException, InterruptedException {
    String adapter = OllamaModels.model(serving, request.model()).adapter();
    Boolean thinks = request.thinks();
    Map<String, Object> variables = thinks == null ? Map.of() : serving.thinking(thinks, "think");
    if (request.isEmpty()) {
      OllamaLine.End end = new OllamaLine.End("load", null);
      call.send(
          shape, new OllamaLine(request.model(), clock.instant(), "", null, List.of(), null, end));
      return;
    }
    Serving.Ready ready = ready(call, request, variables);
    Ask ask =
        new Ask(
            new Prompt.Tokens(ready.prompt()),
            adapter,
            request.options().sampling(),
            request.options().until(ready.prompt().length, serving.generator().context()),
            ready.constraint(),
            request.topLogprobs() < 0 ? Logprobs.NONE : Logprobs.ofOutput(request.topLogprobs()),
            serving.terms(call, "", 0));
    serving.answer(
        call,
        List.of(ask),
        ready.reading(),
        answers -> new Answering(call, request, shape).send(answers));
  }

  private Serving.Ready ready(Call call, OllamaRequest request, Map<String, Object> variables)
      throws IOException, InterruptedException {
    String raw = request.raw();
    return raw == null
        ? serving.ready(call, request.dialogue(variables))
        : new Serving.Ready(
            serving.encode(call, new Prompt.Raw(raw), "prompt"),
            serving.constraint(call, request.format(), "format"),
            AnswerStream.Reading.WHOLE);
  }

  /// The answer to one call.
  private final class Answering {
    private final Call call;
    private final OllamaRequest request;
    private final Shape<OllamaLine> shape;
    private final StringBuilder name = new StringBuilder();
    private final StringBuilder arguments = new StringBuilder();

    private Answering(Call call, OllamaRequest request, Shape<OllamaLine> shape) {
      this.call = call;
      this.request = request;
      this.shape = shape;
    }

    private void send(Answers answers) throws IOException, InterruptedException {
      Optional<Event> first = answers.next();
      if (first.isPresent() && first.get() instanceof Event.Failed failed) {
        throw Refusal.of(failed.error());
      }
      if (request.stream()) {
        stream(first, answers);
      } else {
        whole(first, answers);
      }
    }

    private void stream(Optional<Event> first, Answers answers)
        throws IOException, InterruptedException {
      EventStream out = call.stream(EventStream.Form.LINES);
      try {
        Optional<Event> event = first;
        while (event.isPresent()) {
          for (; event.isPresent(); event = answers.poll()) {
            for (OllamaLine line : lines(event.get())) {
              out.add(shape, line);
            }
          }
          out.flush();
          event = answers.next();
        }
      } catch (Refusal refusal) {
        call.broke(refusal);
        out.add(OllamaRoutes.ERROR, refusal);
      }
      out.end();
    }

    private void whole(Optional<Event> first, Answers answers)
        throws IOException, InterruptedException {
      StringBuilder text = new StringBuilder();
      StringBuilder thoughts = new StringBuilder();
      List<ToolCall> calls = new ArrayList<>();
      List<TokenLogprobs.Entry> logprobs = new ArrayList<>();
      OllamaLine.End end = null;
      for (Optional<Event> event = first; event.isPresent(); event = answers.next()) {
        for (OllamaLine line : lines(event.get())) {
          text.append(line.text());
          thoughts.append(line.thoughts() == null ? "" : line.thoughts());
          calls.addAll(line.calls());
          logprobs.addAll(line.logprobs() == null ? List.of() : line.logprobs());
          end = line.end();
        }
      }
      String thought = thoughts.isEmpty() ? null : thoughts.toString();
      call.send(
          shape,
          new OllamaLine(
              request.model(),
              clock.instant(),
              text.toString(),
              thought,
              calls,
              request.topLogprobs() < 0 ? null : logprobs,
              end));
    }

    private List<OllamaLine> lines(Event event) {
      return switch (event) {
        case Event.Came came -> lines(came.step());
        case Event.Ended ended -> List.of(line("", null, List.of(), end(ended.reply())));
        case Event.Failed failed -> throw Refusal.of(failed.error());
      };
    }

    /// The tokens of a step stand in its first line, or in one of their own.
    private List<OllamaLine> lines(AnswerStream.Step step) {
      List<OllamaLine> lines = new ArrayList<>(step.parts().stream().flatMap(this::line).toList());
      if (request.topLogprobs() >= 0 && !step.tokens().isEmpty()) {
        OllamaLine first = lines.isEmpty() ? line("", null, List.of(), null) : lines.removeFirst();
        List<TokenLogprobs.Entry> logprobs =
            TokenLogprobs.of(step.tokens(), serving.generator().tokenizer()).content();
        lines.addFirst(first.with(logprobs));
      }
      return lines;
    }

    private Stream<OllamaLine> line(Part part) {
      switch (part) {
        case Part.Text(String more) -> {
          return Stream.of(line(more, null, List.of(), null));
        }
        case Part.Thought(String more) -> {
          return Stream.of(line("", more, List.of(), null));
        }
        case Part.CallBegan(_, String called) -> {
          name.setLength(0);
          arguments.setLength(0);
          name.append(called);
          return Stream.empty();
        }
        case Part.CallArguments(_, String json) -> {
          arguments.append(json);
          return Stream.empty();
        }
        case Part.CallEnded _ -> {
          ToolCall made = new ToolCall(serving.callId(), name.toString(), arguments.toString());
          return Stream.of(line("", null, List.of(made), null));
        }
      }
    }

    private OllamaLine line(
        String text,
        @Nullable String thoughts,
        List<ToolCall> calls,
        OllamaLine.@Nullable End end) {
      return new OllamaLine(request.model(), clock.instant(), text, thoughts, calls, null, end);
    }

    private static OllamaLine.End end(Reply reply) {
      Serving.incomplete(reply)
          .ifPresent(refusal -> {
            throw refusal;
          });
      return new OllamaLine.End(reply.ending() == Reply.Ending.LENGTH ? "length" : "stop", reply);
    }
  }
}
