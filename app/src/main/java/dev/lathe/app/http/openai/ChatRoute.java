package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.EventStream;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.serving.Ids;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.app.http.serving.TokenLogprobs;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.AnswerStream.Part;
import dev.lathe.platform.gateway.AnswerStream.Step;
import dev.lathe.platform.gateway.Answers;
import dev.lathe.platform.gateway.Answers.Event;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Piece;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// `/v1/chat/completions`.
final class ChatRoute {
  private final Serving serving;
  private final Clock clock;

  ChatRoute(Serving serving, Clock clock) {
    this.serving = serving;
    this.clock = clock;
  }

  Route route() {
    return Route.post("/v1/chat/completions")
        .needs(Operation.GENERATE)
        .summary("Answer a conversation")
        .gives(ChatCompletion.SHAPE)
        .gives(
            EventStream.Form.EVENTS.mediaType(),
            ChatChunk.SHAPE,
            "with `stream`: one chunk an event, `[DONE]` at the end")
        .fails(Serving.FAULTS)
        .by("ChatCompletionRequest", ChatRequest::read, this::answer);
  }

  private void answer(Call call, ChatRequest request) throws IOException, InterruptedException {
    ServedModels.Model model = serving.model(request.model());
    request.decoding().requireTokens(serving.vocabulary());
    Serving.Ready ready = serving.ready(call, request.dialogue());
    Terms terms = request.sharing().terms(serving, call);
    int most = request.maxTokens() == null ? serving.generator().context() : request.maxTokens();
    Logprobs logprobs =
        request.topLogprobs() < 0 ? Logprobs.NONE : Logprobs.ofOutput(request.topLogprobs());
    List<Ask> asks = new ArrayList<>();
    for (int i = 0; i < request.decoding().n(); i++) {
      asks.add(
          new Ask(
              new Prompt.Tokens(ready.prompt()),
              model.adapter(),
              request.decoding().sampling(i),
              request.decoding().until(most),
              ready.constraint(),
              logprobs,
              terms));
    }
    serving.answer(
        call,
        asks,
        ready.reading(),
        answers -> {
          if (request.streaming().wanted()) {
            new Streamed(call, request).send(answers);
          } else {
            call.send(ChatCompletion.SHAPE, whole(request, answers));
          }
        });
  }

  private @Nullable TokenLogprobs logprobs(ChatRequest request, List<Piece.Scored> tokens) {
    return request.topLogprobs() < 0
        ? null
        : TokenLogprobs.of(tokens, serving.generator().tokenizer());
  }

  /// An answer as it is gathered.
  private final class Gathered {
    private final StringBuilder content = new StringBuilder();
    private final StringBuilder thoughts = new StringBuilder();
    private final List<String> callNames = new ArrayList<>();
    private final List<StringBuilder> callArguments = new ArrayList<>();
    private final List<Piece.Scored> tokens = new ArrayList<>();
    private String finishReason = "";

    private void add(Step step) {
      for (Part part : step.parts()) {
        switch (part) {
          case Part.Text(String text) -> content.append(text);
          case Part.Thought(String text) -> thoughts.append(text);
          case Part.CallBegan(_, String name) -> {
            callNames.add(name);
            callArguments.add(new StringBuilder());
          }
          case Part.CallArguments(int index, String json) -> callArguments.get(index).append(json);
          case Part.CallEnded _ -> {}
        }
      }
      tokens.addAll(step.tokens());
    }

    private ChatCompletion.Answer answer() {
      String thought = thoughts.isEmpty() ? null : thoughts.toString();
      if (callNames.isEmpty()) {
        return new ChatCompletion.Answer(content.toString(), thought, null);
      }
      List<ToolCall> calls = new ArrayList<>();
      for (int i = 0; i < callNames.size(); i++) {
        calls.add(
            new ToolCall(serving.callId(), callNames.get(i), callArguments.get(i).toString()));
      }
      String text = content.isEmpty() ? null : content.toString();
      return new ChatCompletion.Answer(text, thought, calls);
    }
  }

  private ChatCompletion whole(ChatRequest request, Answers answers) throws InterruptedException {
    List<Gathered> gathered = new ArrayList<>();
    for (int i = 0; i < answers.count(); i++) {
      gathered.add(new Gathered());
    }
    Usage usage = Usage.NONE;
    for (var event = answers.next(); event.isPresent(); event = answers.next()) {
      switch (event.get()) {
        case Event.Came came -> gathered.get(came.index()).add(came.step());
        case Event.Ended ended -> {
          Gathered one = gathered.get(ended.index());
          one.finishReason = Finish.reason(ended.reply(), !one.callNames.isEmpty());
          usage = usage.plus(Usage.of(ended));
        }
        case Event.Failed failed -> throw Refusal.of(failed.error());
      }
    }
    List<ChatCompletion.Choice> choices = new ArrayList<>();
    for (int i = 0; i < gathered.size(); i++) {
      choices.add(choice(request, i, gathered.get(i)));
    }
    return new ChatCompletion(
        Ids.next("chatcmpl-"), clock.instant().getEpochSecond(), request.model(), choices, usage);
  }

  private ChatCompletion.Choice choice(ChatRequest request, int index, Gathered gathered) {
    return new ChatCompletion.Choice(
        index, gathered.answer(), logprobs(request, gathered.tokens), gathered.finishReason);
  }

  /// The answers of one call on their way, chunk by chunk.
  private final class Streamed {
    private final Call call;
    private final ChatRequest request;
    private final String id = Ids.next("chatcmpl-");
    private final long created = clock.instant().getEpochSecond();
    private final boolean[] begun;
    private final boolean[] called;
    private Usage usage = Usage.NONE;

    private Streamed(Call call, ChatRequest request) {
      this.call = call;
      this.request = request;
      this.begun = new boolean[request.decoding().n()];
      this.called = new boolean[request.decoding().n()];
    }

    private void send(Answers answers) throws IOException, InterruptedException {
      Optional<Event> event = answers.next();
      if (event.isPresent() && event.get() instanceof Event.Failed failed) {
        throw Refusal.of(failed.error());
      }
      EventStream out = call.stream(EventStream.Form.EVENTS);
      try {
        while (event.isPresent()) {
          for (; event.isPresent(); event = answers.poll()) {
            add(out, event.get());
          }
          out.flush();
          event = answers.next();
        }
        if (request.streaming().usage()) {
          out.add(ChatChunk.SHAPE, new ChatChunk(id, created, request.model(), null, usage));
        }
      } catch (Refusal refusal) {
        call.broke(refusal);
        out.add(Refusal.SHAPE, refusal);
      }
      out.addDone();
      out.end();
    }

    private void add(EventStream out, Event event) throws IOException {
      if (!begun[event.index()]) {
        begun[event.index()] = true;
        Usage before = Usage.of(event).beforeAnswer();
        chunk(out, event.index(), ChatChunk.Delta.role("assistant"), null, null, before);
      }
      switch (event) {
        case Event.Came came -> add(out, came);
        case Event.Ended ended -> {
          String reason = Finish.reason(ended.reply(), called[ended.index()]);
          usage = usage.plus(Usage.of(ended));
          chunk(out, ended.index(), ChatChunk.Delta.NONE, null, reason, Usage.of(ended));
        }
        case Event.Failed failed -> throw Refusal.of(failed.error());
      }
    }

    private void add(EventStream out, Event.Came came) throws IOException {
      int index = came.index();
      Step step = came.step();
      Usage soFar = Usage.of(came);
      TokenLogprobs logprobs = step.tokens().isEmpty() ? null : logprobs(request, step.tokens());
      for (Part part : step.parts()) {
        called[index] |= part instanceof Part.CallBegan;
        ChatChunk.Delta delta = delta(part);
        if (delta != null) {
          chunk(out, index, delta, logprobs, null, soFar);
          logprobs = null;
        }
      }
      if (logprobs != null) {
        chunk(out, index, ChatChunk.Delta.text(""), logprobs, null, soFar);
      }
    }

    /// What is told of a part; the end of a call is told by what follows.
    private ChatChunk.@Nullable Delta delta(Part part) {
      return switch (part) {
        case Part.Text(String text) -> ChatChunk.Delta.text(text);
        case Part.Thought(String text) -> ChatChunk.Delta.thought(text);
        case Part.CallBegan(int call, String name) ->
            ChatChunk.Delta.call(new ChatChunk.CallDelta(call, serving.callId(), name, ""));
        case Part.CallArguments(int call, String json) ->
            ChatChunk.Delta.call(new ChatChunk.CallDelta(call, null, null, json));
        case Part.CallEnded _ -> null;
      };
    }

    private void chunk(
        EventStream out,
        int index,
        ChatChunk.Delta delta,
        @Nullable TokenLogprobs logprobs,
        @Nullable String finishReason,
        Usage soFar)
        throws IOException {
      ChatChunk.Choice choice = new ChatChunk.Choice(index, delta, logprobs, finishReason);
      @Nullable Usage told = request.streaming().runningUsage() ? soFar : null;
      out.add(ChatChunk.SHAPE, new ChatChunk(id, created, request.model(), choice, told));
    }
  }
}
