package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.helpers.ResponseAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionFunctionTool;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseStreamEvent;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.ollama.OllamaChatModel;
import dev.langchain4j.model.ollama.OllamaEmbeddingModel;
import dev.langchain4j.model.ollama.OllamaStreamingChatModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.lathe.compute.engine.EngineStatus;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The official client of OpenAI for Java and LangChain4j, as black boxes.
class JvmClientsTest {
  private static final String QUESTION = "Where to?";

  @TempDir private static Path folder;
  private static RunningService service;
  private static String url = "";
  private static OpenAIClient client;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.withTools(folder.resolve("tiny"), 7));
    url = service.address().toString().replaceAll("/$", "");
    client = OpenAIOkHttpClient.builder().baseUrl(url + "/v1").apiKey("none").maxRetries(0).build();
  }

  @AfterAll
  static void stop() {
    client.close();
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static ChatCompletionCreateParams.Builder asking() {
    return ChatCompletionCreateParams.builder().model("tiny").addUserMessage(QUESTION);
  }

  private static ChatCompletionCreateParams.Builder brief() {
    return asking().temperature(0).maxCompletionTokens(12);
  }

  private static ChatCompletion streamed(ChatCompletionCreateParams params) {
    ChatCompletionAccumulator all = ChatCompletionAccumulator.create();
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(params)) {
      stream.stream().forEach(all::accumulate);
    }
    return all.chatCompletion();
  }

  private static FunctionParameters sides() {
    return FunctionParameters.builder()
        .putAdditionalProperty("type", JsonValue.from("object"))
        .putAdditionalProperty(
            "properties", JsonValue.from(Map.of("to", Map.of("enum", List.of("left", "right")))))
        .putAdditionalProperty("required", JsonValue.from(List.of("to")))
        .putAdditionalProperty("additionalProperties", JsonValue.from(false))
        .build();
  }

  @Test
  void openAiJavaChatsAndStreams() {
    ChatCompletion whole = client.chat().completions().create(brief().build());
    ChatCompletion streamed = streamed(brief().build());

    String text = whole.choices().getFirst().message().content().orElseThrow();
    assertThat(text).isNotEmpty();
    assertThat(streamed.choices().getFirst().message().content()).contains(text);
    assertThat(whole.validate()).isSameAs(whole);
  }

  @Test
  void openAiJavaGetsLogprobs() {
    ChatCompletion scored =
        client.chat().completions().create(brief().logprobs(true).topLogprobs(2).build());

    var logprobs = scored.choices().getFirst().logprobs().orElseThrow().content().orElseThrow();
    assertThat(logprobs).hasSize((int) scored.usage().orElseThrow().completionTokens());
    assertThat(logprobs.getFirst().topLogprobs()).hasSize(2);
  }

  @Test
  void openAiJavaCallsTools() {
    ChatCompletionFunctionTool tool =
        ChatCompletionFunctionTool.builder()
            .function(
                FunctionDefinition.builder()
                    .name("go")
                    .description("Go there")
                    .parameters(sides())
                    .strict(true)
                    .build())
            .build();
    ChatCompletionCreateParams params =
        asking()
            .addTool(tool)
            .toolChoice(ChatCompletionToolChoiceOption.Auto.REQUIRED)
            .parallelToolCalls(false)
            .temperature(0)
            .build();

    for (ChatCompletion answer :
        List.of(client.chat().completions().create(params), streamed(params))) {
      ChatCompletionMessageFunctionToolCall call =
          answer.choices().getFirst().message().toolCalls().orElseThrow().getFirst().asFunction();
      assertThat(call.function().name()).isEqualTo("go");
      assertThat(call.function().arguments()).matches("(?s)\\{\\s*\"to\"\\s*:.*\\}");
      ChatCompletion after =
          client
              .chat()
              .completions()
              .create(
                  asking()
                      .addMessage(answer.choices().getFirst().message())
                      .addMessage(
                          com.openai.models.chat.completions.ChatCompletionToolMessageParam
                              .builder()
                              .toolCallId(call.id())
                              .content("gone")
                              .build())
                      .maxCompletionTokens(4)
                      .build());
      assertThat(after.usage().orElseThrow().promptTokens()).isGreaterThan(60);
    }
  }

  /// What an answer is read into.
  public static final class Side {
    public boolean right;
  }

  @Test
  void openAiJavaReadsStructuredOutput() {
    var answer = client.chat().completions().create(asking().responseFormat(Side.class).build());

    assertThat(answer.choices().getFirst().message().content().orElseThrow().right)
        .isIn(true, false);
  }

  @Test
  void openAiJavaGetsResponses() {
    ResponseCreateParams params =
        ResponseCreateParams.builder()
            .model("tiny")
            .input(QUESTION)
            .temperature(0)
            .maxOutputTokens(12)
            .build();
    var whole = client.responses().create(params);
    ResponseAccumulator all = ResponseAccumulator.create();
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(params)) {
      stream.stream().forEach(all::accumulate);
    }

    String text = text(whole);
    assertThat(text).isNotEmpty().isEqualTo(text(all.response()));
    assertThat(whole.validate()).isSameAs(whole);
  }

  private static String text(com.openai.models.responses.Response response) {
    return response.output().getFirst().asMessage().content().getFirst().asOutputText().text();
  }

  @Test
  void openAiJavaGetsEmbeddingsModelsAndErrors() {
    var vectors =
        client
            .embeddings()
            .create(
                EmbeddingCreateParams.builder()
                    .model("tiny")
                    .inputOfArrayOfStrings(List.of("one", "two"))
                    .build());

    assertThat(vectors.data()).hasSize(2);
    assertThat(vectors.data().getFirst().embedding()).hasSize(32);
    assertThat(client.models().list().data()).extracting(model -> model.id()).contains("tiny");
    assertThatThrownBy(() -> client.chat().completions().create(asking().model("none").build()))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("'none'");
    assertThatThrownBy(() -> client.chat().completions().create(asking().temperature(-1).build()))
        .isInstanceOf(BadRequestException.class);
  }

  @Test
  void aStreamThatOpenAiJavaClosesEndsInTheEngine() throws InterruptedException {
    ChatCompletionCreateParams params =
        asking()
            .maxCompletionTokens(1500)
            .putAdditionalBodyProperty("ignore_eos", JsonValue.from(true))
            .build();
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(params)) {
      Iterator<ChatCompletionChunk> chunks = stream.stream().iterator();
      chunks.next();
      chunks.next();
    }

    EngineStatus status = service.models().generator().status();
    for (int i = 0; i < 3000 && status.running() > 0; i++) {
      Thread.sleep(100);
      status = service.models().generator().status();
    }
    assertThat(status.running()).isZero();
  }

  @Test
  void langChain4jOverOpenAisApi() throws Exception {
    ChatModel chat =
        OpenAiChatModel.builder()
            .baseUrl(url + "/v1")
            .apiKey("none")
            .modelName("tiny")
            .temperature(0.0)
            .maxCompletionTokens(200)
            .maxRetries(0)
            .strictJsonSchema(true)
            .build();
    StreamingChatModel streaming =
        OpenAiStreamingChatModel.builder()
            .baseUrl(url + "/v1")
            .apiKey("none")
            .modelName("tiny")
            .temperature(0.0)
            .maxCompletionTokens(200)
            .build();
    EmbeddingModel embedding =
        OpenAiEmbeddingModel.builder()
            .baseUrl(url + "/v1")
            .apiKey("none")
            .modelName("tiny")
            .maxRetries(0)
            .build();

    requireLangChain4j(chat, streaming, embedding);
    ChatResponse called = chat.chat(calling().toolChoice(ToolChoice.REQUIRED).build());
    ToolExecutionRequest call = called.aiMessage().toolExecutionRequests().getFirst();
    assertThat(call.name()).isEqualTo("go");
    assertThat(call.arguments()).containsPattern("\"(left|right)\"");
    ChatResponse streamed = streamed(streaming, calling().toolChoice(ToolChoice.REQUIRED).build());
    assertThat(streamed.aiMessage().toolExecutionRequests().getFirst().arguments())
        .isEqualTo(call.arguments());
    AiMessage asked = called.aiMessage();
    assertThat(
            chat.chat(
                    UserMessage.from(QUESTION),
                    asked,
                    ToolExecutionResultMessage.from(call, "gone"))
                .tokenUsage()
                .inputTokenCount())
        .isGreaterThan(60);
  }

  @Test
  void langChain4jOverOllamasApi() throws Exception {
    ChatModel chat =
        OllamaChatModel.builder()
            .baseUrl(url)
            .modelName("tiny")
            .temperature(0.0)
            .numPredict(200)
            .maxRetries(0)
            .build();
    StreamingChatModel streaming =
        OllamaStreamingChatModel.builder()
            .baseUrl(url)
            .modelName("tiny")
            .temperature(0.0)
            .numPredict(200)
            .build();
    EmbeddingModel embedding =
        OllamaEmbeddingModel.builder().baseUrl(url).modelName("tiny").maxRetries(0).build();

    requireLangChain4j(chat, streaming, embedding);
    assertThat(chat.chat(calling().build()).aiMessage()).isNotNull();
  }

  private static ChatRequest.Builder calling() {
    return ChatRequest.builder()
        .messages(UserMessage.from(QUESTION))
        .toolSpecifications(
            ToolSpecification.builder()
                .name("go")
                .description("Go there")
                .parameters(
                    JsonObjectSchema.builder()
                        .addEnumProperty("to", List.of("left", "right"))
                        .required("to")
                        .build())
                .build());
  }

  private static ChatResponse streamed(StreamingChatModel model, ChatRequest request)
      throws Exception {
    CompletableFuture<ChatResponse> whole = new CompletableFuture<>();
    StringBuilder parts = new StringBuilder();
    model.chat(
        request,
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String part) {
            parts.append(part);
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            whole.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            whole.completeExceptionally(error);
          }
        });
    ChatResponse response = whole.get(120, TimeUnit.SECONDS);
    String text = response.aiMessage().text();
    assertThat(parts.toString()).isEqualTo(text == null ? "" : text);
    return response;
  }

  private static void requireLangChain4j(
      ChatModel chat, StreamingChatModel streaming, EmbeddingModel embedding) throws Exception {
    ChatRequest question = ChatRequest.builder().messages(UserMessage.from(QUESTION)).build();
    String text = chat.chat(question).aiMessage().text();
    assertThat(text).isNotEmpty();
    assertThat(streamed(streaming, question).aiMessage().text()).isEqualTo(text);
    ChatRequest formed =
        ChatRequest.builder()
            .messages(UserMessage.from(QUESTION))
            .responseFormat(
                ResponseFormat.builder()
                    .type(ResponseFormatType.JSON)
                    .jsonSchema(
                        JsonSchema.builder()
                            .name("side")
                            .rootElement(
                                JsonObjectSchema.builder()
                                    .addEnumProperty("side", List.of("left", "right"))
                                    .required("side")
                                    .build())
                            .build())
                    .build())
            .build();
    assertThat(chat.chat(formed).aiMessage().text()).containsPattern("\"(left|right)\"");
    List<Embedding> vectors =
        embedding.embedAll(List.of(TextSegment.from("one"), TextSegment.from("two"))).content();
    assertThat(vectors).hasSize(2);
    assertThat(vectors.getFirst().dimension()).isEqualTo(32);
  }
}
