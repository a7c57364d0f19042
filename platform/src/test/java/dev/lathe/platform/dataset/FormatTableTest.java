package dev.lathe.platform.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FormatTableTest {
  @ParameterizedTest
  @CsvSource({"README.md, data formats", "README.zh.md, 数据格式"})
  void theReadmeNamesEveryDataFormat(String paper, String row) throws IOException {
    Set<String> formats =
        Stream.of(Layout.Format.values())
            .map(format -> format.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.toCollection(TreeSet::new));

    assertThat(codes(paper, row)).isEqualTo(formats);
  }

  @ParameterizedTest
  @CsvSource({"README.md, data files", "README.zh.md, 数据文件"})
  void theReadmeNamesEveryTypeOfFile(String paper, String row) throws IOException {
    Set<String> endings =
        RowReader.EXTENSIONS.stream()
            .map(extension -> "." + extension)
            .collect(Collectors.toCollection(TreeSet::new));

    assertThat(codes(paper, row)).isEqualTo(endings);
  }

  private static Set<String> codes(String paper, String row) throws IOException {
    String text = Files.readString(Path.of(System.getProperty("lathe.root")).resolve(paper));
    String line =
        text.lines().filter(it -> it.startsWith("| " + row + " |")).findFirst().orElseThrow();
    Matcher code = Pattern.compile("`([^`]+)`").matcher(line);
    return code.results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
