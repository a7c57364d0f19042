package dev.lathe.platform.tuning;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/// `trainer_log.jsonl` as LLaMA-Factory writes it: one object for each log event, keys in order,
/// absent ones left out: `current_steps`, `total_steps`, `loss`, `eval_loss`, `lr`, `epoch`,
/// `percentage`, `elapsed_time` and `remaining_time` (`H:MM:SS`), `throughput` (tokens/s),
/// `total_tokens`.
final class RunLog implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private RunLog(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Opens the log and drops the lines of steps after `step`, which will be taken again.
  static RunLog open(Path file, int step) {
    try {
      if (Files.exists(file)) {
        StringBuilder kept = new StringBuilder();
        for (String line : Files.readString(file).split("\n")) {
          if (isUpTo(line, step)) {
            kept.append(line).append('\n');
          }
        }
        DurableFiles.replace(file, kept.toString());
      }
      return new RunLog(
          file,
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE,
              StandardOpenOption.APPEND));
    } catch (IOException e) {
      throw DurableFiles.failure(file, e);
    }
  }

  private static boolean isUpTo(String line, int step) {
    try {
      return Json.MAPPER.readTree(line).path("current_steps").asInt(Integer.MAX_VALUE) <= step;
    } catch (JsonProcessingException cutByACrash) {
      return false;
    }
  }

  /// Adds a line.
  void add(ObjectNode event) {
    try {
      ByteBuffer line = ByteBuffer.wrap((Json.line(event) + "\n").getBytes(StandardCharsets.UTF_8));
      while (line.hasRemaining()) {
        channel.write(line);
      }
    } catch (IOException e) {
      throw DurableFiles.failure(file, e);
    }
  }

  /// Brings the lines to the disk.
  void sync() {
    try {
      channel.force(false);
    } catch (IOException e) {
      throw DurableFiles.failure(file, e);
    }
  }

  /// Seconds as Python prints a `timedelta`: `0:00:07`, `1 day, 2:03:04`.
  static String clock(double seconds) {
    long whole = (long) seconds;
    long days = whole / 86_400;
    String clock =
        String.format(
            Locale.ROOT, "%d:%02d:%02d", whole % 86_400 / 3600, whole % 3600 / 60, whole % 60);
    return days == 0 ? clock : days + (days == 1 ? " day, " : " days, ") + clock;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw DurableFiles.failure(file, e);
    }
  }
}
