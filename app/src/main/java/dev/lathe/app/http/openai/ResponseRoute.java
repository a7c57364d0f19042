package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.EventStream;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.serving.Ids;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.app.http.serving.TokenLogprobs;
import dev.lathe.compute.engine.Logprobs;
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

/// `/v1/responses`.
final class ResponseRoute {
  private static final String COMPLETED = "completed";
  private static final String INCOMPLETE = "incomplete";

  private final Serving serving;
  private final Clock clock;

  ResponseRoute(Serving serving, Clock clock) {
    this.serving = serving;
    this.clock = clock;
  }

  Route route() {
    return Route.post("/v1/responses")
        .needs(Operation.GENERATE)
        .summary("Answer a question or a conversation of items; nothing is kept")
        .gives(Response.SHAPE)
        .gives(
            EventStream.Form.EVENTS.mediaType(), ResponseEvent.SHAPE, "with `stream`: named events")
        .fails(Serving.FAULTS)
        .by("ResponseRequest", ResponseRequest::read, this::answer);
  }

  private void answer(Call call, ResponseRequest request) throws IOException, InterruptedException {
    ServedModels.Model model = serving.model(request.model());
    request.decoding().requireTokens(serving.vocabulary());
    Serving.Ready ready = serving.ready(call, request.dialogue());
    int most = request.maxTokens() == null ? serving.generator().context() : request.maxTokens();
    Ask ask =
        new Ask(
            new Prompt.Tokens(ready.prompt()),
            model.adapter(),
            request.decoding().sampling(0),
            request.decoding().until(most),
            ready.constraint(),
            request.topLogprobs() < 0 ? Logprobs.NONE : Logprobs.ofOutput(request.topLogprobs()),
            request.sharing().terms(serving, call));
    serving.answer(
        call, List.of(ask), ready.reading(), answers -> new Answering(call, request).send(answers));
  }

  /// The answer to one call, item by item.
  private final class Answering {
    private final Call call;
    private final ResponseRequest request;
    private final String id = Ids.next("resp_");
    private final long created = clock.instant().getEpochSecond();
    private final List<ResponseItem> output = new ArrayList<>();
    private @Nullable EventStream out;
    private long sequence;
    private @Nullable Open open;

    private Answering(Call call, ResponseRequest request) {
      this.call = call;
      this.request = request;
    }

    /// The item that is being added to.
    private static final class Open {
      private final ResponseItem.Type type;
      private final String id;
      private final String callId;
      private final String name;
      private final StringBuilder text = new StringBuilder();
      private final List<TokenLogprobs.Entry> logprobs = new ArrayList<>();

      private Open(ResponseItem.Type type, String callId, String name) {
        this.type = type;
        this.id = Ids.next(type.prefix());
        this.callId = callId;
        this.name = name;
      }

      private boolean isCall() {
        return type == ResponseItem.Type.CALL;
      }

      private ResponseItem begun() {
        return isCall()
            ? ResponseItem.call(id, ResponseItem.IN_PROGRESS, callId, name, "")
            : ResponseItem.begun(type, id);
      }

      private ResponseItem ended(String status) {
        return isCall()
            ? ResponseItem.call(id, status, callId, name, text.toString())
            : ResponseItem.text(type, id, status, text.toString(), List.copyOf(logprobs));
      }

      /// What comes before `.delta` and `.done` in the names of its events.
      private String event() {
        return switch (type) {
          case REASONING -> "response.reasoning_text";
          case MESSAGE -> "response.output_text";
          case CALL -> "response.function_call_arguments";
        };
      }
    }

    private void send(Answers answers) throws IOException, InterruptedException {
      Optional<Event> event = answers.next();
      if (event.isPresent() && event.get() instanceof Event.Failed failed) {
        throw Refusal.of(failed.error());
      }
      if (!request.stream()) {
        Response whole = response(ResponseItem.IN_PROGRESS, null);
        for (; event.isPresent(); event = answers.next()) {
          whole = take(event.get());
        }
        call.send(Response.SHAPE, whole);
        return;
      }
      out = call.stream(EventStream.Form.EVENTS);
      tell("response.created", response(ResponseItem.IN_PROGRESS, null));
      tell("response.in_progress", response(ResponseItem.IN_PROGRESS, null));
      try {
        while (event.isPresent()) {
          for (; event.isPresent(); event = answers.poll()) {
            take(event.get());
          }
          out.flush();
          event = answers.next();
        }
      } catch (Refusal refusal) {
        call.broke(refusal);
        tell(
            new ResponseEvent(
                "error", sequence, null, null, null, null, null, null, null, null, refusal));
      }
      out.end();
    }

    private Response response(String status, @Nullable Usage usage) {
      return new Response(request, id, created, status, List.copyOf(output), usage);
    }

    private Response take(Event event) throws IOException {
      switch (event) {
        case Event.Came came -> add(came.step());
        case Event.Ended ended -> {
          String status = Finish.reason(ended.reply()).equals("length") ? INCOMPLETE : COMPLETED;
          if (output.isEmpty() && open == null) {
            open(ResponseItem.Type.MESSAGE, "", "");
          }
          close(status);
          Response whole = response(status, Usage.of(ended));
          tell("response." + status, whole);
          return whole;
        }
        case Event.Failed failed -> throw Refusal.of(failed.error());
      }
      return response(ResponseItem.IN_PROGRESS, null);
    }

    private void add(Step step) throws IOException {
      List<TokenLogprobs.Entry> logprobs = logprobs(step.tokens());
      for (Part part : step.parts()) {
        switch (part) {
          case Part.Thought(String text) -> add(ResponseItem.Type.REASONING, text, logprobs);
          case Part.Text(String text) -> add(ResponseItem.Type.MESSAGE, text, logprobs);
          case Part.CallBegan(_, String name) -> {
            close(COMPLETED);
            open(ResponseItem.Type.CALL, serving.callId(), name);
          }
          case Part.CallArguments(_, String json) -> add(ResponseItem.Type.CALL, json, logprobs);
          case Part.CallEnded _ -> close(COMPLETED);
        }
        logprobs = List.of();
      }
      if (!logprobs.isEmpty() && open != null) {
        open.logprobs.addAll(logprobs);
      }
    }

    private List<TokenLogprobs.Entry> logprobs(List<Piece.Scored> tokens) {
      return request.topLogprobs() < 0
          ? List.of()
          : TokenLogprobs.of(tokens, serving.generator().tokenizer()).content();
    }

    private void add(ResponseItem.Type type, String text, List<TokenLogprobs.Entry> logprobs)
        throws IOException {
      Open item = open;
      if (item == null || item.type != type) {
        close(COMPLETED);
        item = open(type, "", "");
      }
      item.text.append(text);
      item.logprobs.addAll(logprobs);
      about(item, item.event() + ".delta", text, null, logprobs);
    }

    private Open open(ResponseItem.Type type, String callId, String name) throws IOException {
      Open item = new Open(type, callId, name);
      open = item;
      tell("response.output_item.added", item.begun());
      if (!item.isCall()) {
        ResponseItem.Part part = new ResponseItem.Part(type, "", List.of());
        about(item, "response.content_part.added", null, part, null);
      }
      return item;
    }

    private void close(String status) throws IOException {
      Open item = open;
      if (item == null) {
        return;
      }
      ResponseItem ended = item.ended(status);
      about(item, item.event() + ".done", item.text.toString(), null, item.logprobs);
      if (!item.isCall()) {
        about(item, "response.content_part.done", null, ended.parts().getFirst(), null);
      }
      tell("response.output_item.done", ended);
      output.add(ended);
      open = null;
    }

    private void tell(String type, Response response) throws IOException {
      tell(
          new ResponseEvent(
              type, sequence, response, null, null, null, null, null, null, null, null));
    }

    private void tell(String type, ResponseItem item) throws IOException {
      long index = output.size();
      tell(
          new ResponseEvent(type, sequence, null, index, item, null, null, null, null, null, null));
    }

    private void about(
        Open item,
        String type,
        @Nullable String text,
        ResponseItem.@Nullable Part part,
        @Nullable List<TokenLogprobs.Entry> logprobs)
        throws IOException {
      boolean ofText = item.type == ResponseItem.Type.MESSAGE;
      tell(
          new ResponseEvent(
              type,
              sequence,
              null,
              (long) output.size(),
              null,
              item.id,
              item.isCall() ? null : 0L,
              part,
              text,
              ofText ? logprobs : null,
              null));
    }

    private void tell(ResponseEvent event) throws IOException {
      if (out != null) {
        out.add(event.type(), ResponseEvent.SHAPE, event);
        sequence++;
      }
    }
  }
}
