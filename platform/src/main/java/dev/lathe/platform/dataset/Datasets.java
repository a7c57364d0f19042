package dev.lathe.platform.dataset;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Loads data sets by name or by file.
public final class Datasets {
  private final Path directory;
  private final long seed;

  /// @param directory where `dataset_info.json` lies and relative files are looked for
  /// @param seed decides which rows `num_samples` of `dataset_info.json` draws
  public Datasets(Path directory, long seed) {
    this.directory = directory;
    this.seed = seed;
  }

  /// Reads the named data sets one after another into one.
  ///
  /// A name that is a file (`rows.jsonl`, relative to the working directory or to the data
  /// directory) is read as it is, its layout told from the keys of its first row; any other name is
  /// looked up in `dataset_info.json`.
  ///
  /// @param most rows read of each data set, or null for all Rows that cannot be used are left out
  ///   and stand in [DatasetVersion#skipped].
  ///
  /// @throws LatheException when a file is missing or damaged, or no row is usable; then with every
  ///   bad row
  public DatasetVersion load(List<String> names, @Nullable Integer most) {
    List<Row> rows = new ArrayList<>();
    List<BadRow> bad = new ArrayList<>();
    Set<String> unused = new LinkedHashSet<>();
    List<DatasetSource> sources = names.stream().map(this::source).toList();
    for (DatasetSource source : sources) {
      rows.addAll(load(source, most, bad, unused));
    }
    if (rows.isEmpty()) {
      throw bad.isEmpty()
          ? LatheException.user(
              "the data set '" + String.join(",", names) + "' has no row", "add rows")
          : BadRow.refusal(bad);
    }
    return DatasetVersion.of(String.join(",", names), rows, bad, List.copyOf(unused));
  }

  private DatasetSource source(String name) {
    boolean file = name.contains(".") && RowReader.EXTENSIONS.contains(RowReader.extension(name));
    if (!file && !name.contains("/")) {
      return DatasetInfo.read(directory).source(name);
    }
    for (Path path : List.of(Path.of(name), directory.resolve(name))) {
      if (Files.isRegularFile(path)) {
        return new DatasetSource(name, List.of(path), LayoutDetector.detect(path));
      }
    }
    throw LatheException.notFound(
        "no file '" + name + "', neither here nor in '" + directory + "'", "correct dataset");
  }

  private List<Row> load(
      DatasetSource source, @Nullable Integer most, List<BadRow> bad, Set<String> unused) {
    RowMapper mapper = new RowMapper(source.layout());
    Collector collector = new Collector(mapper, most == null ? Long.MAX_VALUE : most, bad);
    for (Path file : source.files()) {
      collector.begin(file);
      new RowReader(file).read(collector);
    }
    unused.addAll(mapper.unusedColumns());
    Integer samples = source.layout().samples();
    return samples == null ? collector.rows : draw(collector.rows, samples);
  }

  /// Draws without return as long as there are rows, then anew.
  private List<Row> draw(List<Row> rows, int samples) {
    List<Row> drawn = new ArrayList<>(samples);
    for (int round = 0; drawn.size() < samples && !rows.isEmpty(); round++) {
      for (int index : Order.shuffled(rows.size(), seed, round)) {
        if (drawn.size() < samples) {
          drawn.add(rows.get(index));
        }
      }
    }
    return drawn;
  }

  /// Maps rows as they are read.
  private static final class Collector implements RowReader.Rows {
    private final RowMapper mapper;
    private final long most;
    private final List<BadRow> bad;
    private final List<Row> rows = new ArrayList<>();
    private String file = "";
    private long inFile;
    private long seen;

    Collector(RowMapper mapper, long most, List<BadRow> bad) {
      this.mapper = mapper;
      this.most = most;
      this.bad = bad;
    }

    void begin(Path path) {
      file = String.valueOf(path.getFileName());
      inFile = 0;
    }

    @Override
    public boolean row(long line, ObjectNode row) {
      if (seen >= most) {
        return false;
      }
      inFile++;
      try {
        rows.add(mapper.map(new RowSource(file, line, inFile), row));
      } catch (RowMapper.Unusable e) {
        bad.add(new BadRow(new RowSource(file, line, inFile), String.valueOf(e.getMessage())));
      }
      return ++seen < most;
    }

    @Override
    public boolean bad(long line, String reason) {
      if (seen >= most) {
        return false;
      }
      inFile++;
      bad.add(new BadRow(new RowSource(file, line, inFile), reason));
      return ++seen < most;
    }
  }
}
