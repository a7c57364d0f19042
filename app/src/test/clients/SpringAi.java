import java.util.List;
import java.util.stream.Collectors;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.ollama.OllamaChatModel;
import org.springframework.ai.ollama.OllamaEmbeddingModel;
import org.springframework.ai.ollama.api.OllamaApi;
import org.springframework.ai.ollama.api.OllamaChatOptions;
import org.springframework.ai.ollama.api.OllamaEmbeddingOptions;
import org.springframework.ai.openai.OpenAiChatModel;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.openai.OpenAiEmbeddingModel;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;

/// Spring AI over both APIs: `java -cp 'lib/*' SpringAi.java URL MODEL`. Exits with 0 when
/// everything is as the client expects.
public class SpringAi {
  private static final String QUESTION = "Where to?";

  public static void main(String[] arguments) {
    String url = arguments[0];
    String model = arguments[1];
    openAi(url, model);
    ollama(url, model);
    System.out.println("ok");
    System.exit(0);
  }

  private static void openAi(String url, String model) {
    ChatModel chat = openAiChat(url, model);
    requireChat(chat);
    requireError(openAiChat(url, "none-such"));
    float[] vector =
        OpenAiEmbeddingModel.builder()
            .options(
                OpenAiEmbeddingOptions.builder()
                    .baseUrl(url + "/v1")
                    .apiKey("none")
                    .model(model)
                    .build())
            .build()
            .embed("one");
    requireUnit(vector);
  }

  private static ChatModel openAiChat(String url, String model) {
    return OpenAiChatModel.builder()
        .options(
            OpenAiChatOptions.builder()
                .baseUrl(url + "/v1")
                .apiKey("none")
                .model(model)
                .temperature(0.0)
                .maxCompletionTokens(12)
                .build())
        .build();
  }

  private static void ollama(String url, String model) {
    requireChat(ollamaChat(url, model));
    requireError(ollamaChat(url, "none-such"));
    float[] vector =
        OllamaEmbeddingModel.builder()
            .ollamaApi(OllamaApi.builder().baseUrl(url).build())
            .options(OllamaEmbeddingOptions.builder().model(model).build())
            .build()
            .embed("one");
    requireUnit(vector);
  }

  private static ChatModel ollamaChat(String url, String model) {
    return OllamaChatModel.builder()
        .ollamaApi(OllamaApi.builder().baseUrl(url).build())
        .options(
            OllamaChatOptions.builder().model(model).temperature(0.0).numPredict(12).build())
        .build();
  }

  private static void requireChat(ChatModel chat) {
    Prompt prompt = new Prompt(List.of(new UserMessage(QUESTION)));
    ChatResponse whole = chat.call(prompt);
    String text = whole.getResult().getOutput().getText();
    require(!text.isEmpty(), "a text");
    require(whole.getMetadata().getUsage().getCompletionTokens() <= 12, "at most 12 tokens");
    String streamed =
        chat.stream(prompt).collectList().block().stream()
            .filter(each -> each.getResult() != null)
            .map(each -> each.getResult().getOutput().getText())
            .filter(each -> each != null)
            .collect(Collectors.joining());
    require(streamed.equals(text), "the pieces '" + streamed + "' to be '" + text + "'");
  }

  private static void requireError(ChatModel chat) {
    try {
      chat.call(new Prompt(QUESTION));
    } catch (RuntimeException refused) {
      require(String.valueOf(refused.getMessage()).contains("none-such"), "the reason: " + refused);
      return;
    }
    require(false, "an unknown model to be refused");
  }

  private static void requireUnit(float[] vector) {
    double sum = 0;
    for (float each : vector) {
      sum += each * each;
    }
    require(Math.abs(sum - 1) < 1e-3, "a vector of length 1");
  }

  private static void require(boolean holds, String wanted) {
    if (!holds) {
      throw new AssertionError("wanted " + wanted);
    }
  }
}
