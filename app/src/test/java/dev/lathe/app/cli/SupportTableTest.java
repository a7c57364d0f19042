package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.weights.DType;
import dev.lathe.platform.registry.Catalogue;
import dev.lathe.platform.registry.CatalogueEntry;
import dev.lathe.platform.registry.ModelFormat;
import dev.lathe.platform.registry.ModelSource;
import dev.lathe.platform.tuning.Recipe.Precision;
import dev.lathe.platform.tuning.RecipeParser;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The tables of what is supported, in both languages, against the code. Data formats and recipe
/// keys are compared in `platform`, where their tables are.
class SupportTableTest {
  @TempDir Path home;

  @ParameterizedTest
  @CsvSource({"README.md, ## What is supported", "README.zh.md, ## 支持什么"})
  void theTableIsWhatTheCodeSupports(String paper, String heading) {
    List<List<String>> rows = Papers.table(Papers.read(paper), heading);

    assertThat(rows).hasSize(14);
    assertThat(codes(rows, 0)).isEqualTo(names(Family.values(), SupportTableTest::lower));
    assertThat(codes(rows, 1)).isEqualTo(names(ModelFormat.values(), ModelFormat::label));
    assertThat(codes(rows, 2)).isEqualTo(names(DType.values(), DType::name));
    assertThat(codes(rows, 3))
        .isEqualTo(
            names(
                Catalogue.load(home).entries().toArray(new CatalogueEntry[0]),
                CatalogueEntry::name));
    assertThat(codes(rows, 4)).isEqualTo(prefixes());
    assertThat(codes(rows, 5)).isEqualTo(accepted("stage", "pt sft rm ppo dpo kto"));
    assertThat(codes(rows, 6)).isEqualTo(accepted("finetuning_type", "lora oft freeze full"));
    assertThat(codes(rows, 7)).isEqualTo(names(Projection.values(), Projection::target));
    assertThat(codes(rows, 8)).isEqualTo(accepted("lr_scheduler_type", SCHEDULES));
    assertThat(codes(rows, 9)).isEqualTo(names(Precision.values(), SupportTableTest::lower));
    assertThat(codes(rows, 13)).isEqualTo(new TreeSet<>(verbs()));
  }

  private static final String SCHEDULES =
      "linear cosine cosine_with_restarts polynomial constant constant_with_warmup"
          + " inverse_sqrt reduce_lr_on_plateau cosine_with_min_lr warmup_stable_decay";

  @Test
  void bothTablesSayTheSame() {
    List<List<String>> english = Papers.table(Papers.read("README.md"), "## What is supported");
    List<List<String>> chinese = Papers.table(Papers.read("README.zh.md"), "## 支持什么");

    assertThat(chinese)
        .extracting(row -> Papers.codeSet(row.get(1)))
        .isEqualTo(english.stream().map(row -> Papers.codeSet(row.get(1))).toList());
  }

  /// Every scheme that any source might have, that is one.
  private static Set<String> prefixes() {
    Set<String> prefixes =
        Stream.of("hf:", "modelscope:", "pip:", "file:", "https:", "ollama:", "s3:")
            .filter(scheme -> ModelSource.isSource(scheme + "a/b"))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(prefixes).hasSameSizeAs(ModelSource.class.getPermittedSubclasses());
    return prefixes;
  }

  /// The candidates that a recipe may name.
  private static Set<String> accepted(String key, String candidates) {
    return Stream.of(candidates.split(" "))
        .filter(value -> isAccepted(key + "=" + value))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static boolean isAccepted(String setting) {
    try {
      new RecipeParser()
          .parse(List.of("model_name_or_path=m", "dataset=d", "output_dir=o", setting));
      return true;
    } catch (LatheException refused) {
      return false;
    }
  }

  private static Set<String> codes(List<List<String>> rows, int row) {
    return Papers.codeSet(rows.get(row).get(1));
  }

  private static <T> Set<String> names(T[] values, Function<T, String> name) {
    return Stream.of(values).map(name).collect(Collectors.toCollection(TreeSet::new));
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static Set<String> verbs() {
    PrintStream nowhere = new PrintStream(new ByteArrayOutputStream(), true, UTF_8);
    Screen screen = new Screen(nowhere, nowhere, "", false, 80);
    return Main.commandLine(new Context(Environment.of(Map.of()), screen))
        .getSubcommands()
        .keySet();
  }
}
