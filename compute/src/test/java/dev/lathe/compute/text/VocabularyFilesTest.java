package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lathe.compute.weights.Gguf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tokenizers made of GGUF metadata against the ids that llama.cpp ships for the same vocabularies.
class VocabularyFilesTest {
  private static final Path FOLDER =
      Path.of(System.getProperty("lathe.root")).resolve("../shared/data/tokenizers");

  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "deepseek-llm", "phi-3"})
  void idsAreThoseThatTheReferenceGives(String name) throws IOException {
    Path vocabulary = FOLDER.resolve("ggml-vocab-" + name + ".gguf");
    assumeTrue(Files.exists(vocabulary), "the vocabulary files are not at hand");
    List<String> texts = texts(FOLDER.resolve("ggml-vocab-" + name + ".gguf.inp"));
    List<int[]> expected = ids(FOLDER.resolve("ggml-vocab-" + name + ".gguf.out"));

    try (Gguf gguf = Gguf.open(vocabulary);
        Tokenizer tokenizer = Tokenizer.of(gguf)) {
      List<String> wrong = new ArrayList<>();
      for (int i = 0; i < texts.size(); i++) {
        int[] ids = tokenizer.encodeWithControl(texts.get(i));
        if (!Arrays.equals(ids, expected.get(i))) {
          wrong.add(
              "'"
                  + texts.get(i)
                  + "' gives "
                  + Arrays.toString(ids)
                  + ", not "
                  + Arrays.toString(expected.get(i)));
        }
      }
      assertThat(texts).hasSameSizeAs(expected).hasSizeGreaterThan(40);
      assertThat(wrong).isEmpty();
    }
  }

  private static List<String> texts(Path file) throws IOException {
    String separator = "\n__ggml_vocab_test__\n";
    List<String> texts = Arrays.asList(Files.readString(file).split(separator, -1));
    return texts.subList(0, texts.size() - 1);
  }

  private static List<int[]> ids(Path file) throws IOException {
    List<int[]> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      lines.add(
          line.isBlank()
              ? new int[0]
              : Arrays.stream(line.strip().split(" +")).mapToInt(Integer::parseInt).toArray());
    }
    return lines;
  }
}
