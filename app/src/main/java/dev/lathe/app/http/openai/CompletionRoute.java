package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.EventStream;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.serving.Ids;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.AnswerStream;
import dev.lathe.platform.gateway.Answers;
import dev.lathe.platform.gateway.Answers.Event;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Piece;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// `/v1/completions`.
final class CompletionRoute {
  private final Serving serving;
  private final Clock clock;

  CompletionRoute(Serving serving, Clock clock) {
    this.serving = serving;
    this.clock = clock;
  }

  Route route() {
    return Route.post("/v1/completions")
        .needs(Operation.GENERATE)
        .summary("Go on with a text")
        .gives(Completion.SHAPE)
        .gives(
            EventStream.Form.EVENTS.mediaType(),
            Completion.SHAPE,
            "with `stream`: what is added, an event each, `[DONE]` at the end")
        .fails(Serving.FAULTS)
        .by("CompletionRequest", CompletionRequest::read, this::answer);
  }

  private void answer(Call call, CompletionRequest request)
      throws IOException, InterruptedException {
    ServedModels.Model model = serving.model(request.model());
    request.decoding().requireTokens(serving.vocabulary());
    List<int[]> prompts = new ArrayList<>();
    for (Prompt prompt : request.prompts()) {
      prompts.add(serving.encode(call, prompt, "prompt"));
    }
    @Nullable Supplier<TokenConstraint> constraint = request.form().constraint(serving, call);
    Terms terms = request.sharing().terms(serving, call);
    List<Ask> asks = new ArrayList<>();
    for (int[] prompt : prompts) {
      for (int i = 0; i < request.decoding().n(); i++) {
        asks.add(
            new Ask(
                new Prompt.Tokens(prompt),
                model.adapter(),
                request.decoding().sampling(i),
                request.decoding().until(request.maxTokens()),
                constraint,
                logprobs(request),
                terms));
      }
    }
    serving.answer(
        call,
        asks,
        AnswerStream.Reading.WHOLE,
        answers -> new Answering(call, request, prompts, answers).send());
  }

  private static Logprobs logprobs(CompletionRequest request) {
    int output = request.logprobs();
    return new Logprobs(output, request.echo() ? output : -1, 1);
  }

  /// The answers to one call.
  private final class Answering {
    private final Call call;
    private final CompletionRequest request;
    private final List<int[]> prompts;
    private final Answers answers;
    private final Tokenizer tokenizer = serving.generator().tokenizer();
    private final String id = Ids.next("cmpl-");
    private final long created = clock.instant().getEpochSecond();
    private final String[] echoes;
    private long completionTokens;
    private final long[] cached;

    private Answering(Call call, CompletionRequest request, List<int[]> prompts, Answers answers) {
      this.call = call;
      this.request = request;
      this.prompts = prompts;
      this.answers = answers;
      this.echoes = new String[answers.count()];
      this.cached = new long[prompts.size()];
      Arrays.fill(cached, Long.MAX_VALUE);
    }

    private void send() throws IOException, InterruptedException {
      Optional<Event> first = answers.next();
      if (first.isPresent() && first.get() instanceof Event.Failed failed) {
        throw Refusal.of(failed.error());
      }
      if (request.streaming().wanted()) {
        stream(first);
      } else {
        whole(first);
      }
    }

    private void whole(Optional<Event> first) throws IOException, InterruptedException {
      List<StringBuilder> texts = new ArrayList<>();
      List<TextLogprobs.Builder> scores = new ArrayList<>();
      String[] reasons = new String[answers.count()];
      for (int i = 0; i < answers.count(); i++) {
        texts.add(new StringBuilder());
        scores.add(new TextLogprobs.Builder(tokenizer));
      }
      for (Optional<Event> event = first; event.isPresent(); event = answers.next()) {
        int index = event.get().index();
        texts.get(index).append(begun(index, scores.get(index)));
        switch (event.get()) {
          case Event.Came came -> {
            add(scores.get(index), index, came.step().tokens());
            texts.get(index).append(came.step().text());
          }
          case Event.Ended ended -> reasons[index] = reason(ended);
          case Event.Failed failed -> throw Refusal.of(failed.error());
        }
      }
      List<Completion.Choice> choices = new ArrayList<>();
      for (int i = 0; i < texts.size(); i++) {
        choices.add(
            new Completion.Choice(i, texts.get(i).toString(), scores.get(i).build(), reasons[i]));
      }
      call.send(Completion.SHAPE, new Completion(id, created, request.model(), choices, usage()));
    }

    private String reason(Event.Ended ended) {
      completionTokens += ended.reply().outputTokens();
      int number = ended.index() / request.decoding().n();
      cached[number] = Math.min(cached[number], ended.reply().cachedTokens());
      return Finish.reason(ended.reply());
    }

    private Usage usage() {
      long prompt = prompts.stream().mapToLong(each -> each.length).sum();
      return new Usage(prompt, Arrays.stream(cached).sum(), completionTokens, 0);
    }

    /// What stands before the first piece of an answer: the prompt, if it is echoed.
    private String begun(int index, TextLogprobs.Builder scores) {
      if (echoes[index] != null) {
        return "";
      }
      echoes[index] = "";
      if (!request.echo()) {
        return "";
      }
      int number = index / request.decoding().n();
      int[] prompt = prompts.get(number);
      echoes[index] =
          request.prompts().get(number) instanceof Prompt.Raw(String text)
              ? text
              : tokenizer.decode(prompt, false);
      if (request.logprobs() >= 0) {
        score(prompt, answers.replies().get(index).promptLikelihoods(), scores);
      }
      return echoes[index];
    }

    private void score(int[] prompt, List<Likelihood> likelihoods, TextLogprobs.Builder scores) {
      scores.addFirst(prompt[0]);
      int offset = 0;
      for (int i = 1; i < prompt.length; i++) {
        offset += characters(tokenizer.bytes(prompt[i - 1]));
        scores.add(likelihoods.get(i - 1), offset);
      }
    }

    /// Characters that begin in these bytes of UTF-8, as Java counts them.
    private static int characters(byte[] utf8) {
      int count = 0;
      for (byte each : utf8) {
        int value = each & 0xff;
        count += value >= 0xf0 ? 2 : (value & 0xc0) == 0x80 ? 0 : 1;
      }
      return count;
    }

    private void add(TextLogprobs.Builder scores, int index, List<Piece.Scored> tokens) {
      for (Piece.Scored token : tokens) {
        scores.add(token.likelihood(), echoes[index].length() + token.offset());
      }
    }

    private void stream(Optional<Event> first) throws IOException, InterruptedException {
      EventStream out = call.stream(EventStream.Form.EVENTS);
      try {
        Optional<Event> event = first;
        while (event.isPresent()) {
          for (; event.isPresent(); event = answers.poll()) {
            add(out, event.get());
          }
          out.flush();
          event = answers.next();
        }
        if (request.streaming().usage()) {
          Completion end = new Completion(id, created, request.model(), List.of(), usage());
          out.add(Completion.SHAPE, end);
        }
      } catch (Refusal refusal) {
        call.broke(refusal);
        out.add(Refusal.SHAPE, refusal);
      }
      out.addDone();
      out.end();
    }

    private void add(EventStream out, Event event) throws IOException {
      TextLogprobs.Builder scores = new TextLogprobs.Builder(tokenizer);
      String text = begun(event.index(), scores);
      String reason = null;
      switch (event) {
        case Event.Came came -> {
          add(scores, came.index(), came.step().tokens());
          text += came.step().text();
        }
        case Event.Ended ended -> reason = reason(ended);
        case Event.Failed failed -> throw Refusal.of(failed.error());
      }
      Completion.Choice choice = new Completion.Choice(event.index(), text, scores.build(), reason);
      @Nullable Usage soFar = request.streaming().runningUsage() ? Usage.of(event) : null;
      out.add(
          Completion.SHAPE, new Completion(id, created, request.model(), List.of(choice), soFar));
    }
  }
}
