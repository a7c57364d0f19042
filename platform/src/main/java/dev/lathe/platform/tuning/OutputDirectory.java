package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/// `output_dir` of a run, held by one run at a time: decides whether the run starts anew or goes on
/// from a checkpoint. Whoever opens it closes it.
///
/// A directory that holds checkpoints of an unfinished run is gone on with, as LLaMA-Factory does,
/// unless `overwrite_output_dir` says to start anew. A finished run and files of others are never
/// overwritten unasked.
public final class OutputDirectory implements AutoCloseable {
  static final String RECORD = "lathe.json";
  static final String LOG = "trainer_log.jsonl";
  private static final String LOCK = ".lathe.lock";
  private static final Pattern CHECKPOINT = Pattern.compile("checkpoint-([0-9]{1,9})");
  private static final Pattern OURS =
      Pattern.compile(
          "checkpoint-[0-9]{1,9}|trainer_log\\.jsonl|trainer_state\\.json"
              + "|(train|eval|all)_results\\.json|training_[a-z_]+\\.png|adapter_config\\.json"
              + "|adapter_model\\.safetensors|lathe\\.json|README\\.md|\\..*\\.tmp");

  private final Path path;
  private final FileChannel lockFile;
  private final boolean overwrites;
  private final Optional<Path> resumeFrom;
  private final List<String> damaged;

  private OutputDirectory(
      Path path,
      FileChannel lockFile,
      boolean overwrites,
      Optional<Path> resumeFrom,
      List<String> damaged) {
    this.path = path;
    this.lockFile = lockFile;
    this.overwrites = overwrites;
    this.resumeFrom = resumeFrom;
    this.damaged = List.copyOf(damaged);
  }

  /// Takes the directory, making it where it is missing. Changes nothing in it but the lock.
  ///
  /// @throws LatheException when another run holds it, when it holds a finished run or files of
  ///   others, or when no checkpoint to resume from is whole
  public static OutputDirectory open(Recipe.Output output) {
    Path path = output.directory();
    FileChannel lock = lock(path);
    try {
      List<String> damaged = new ArrayList<>();
      Optional<Path> resume = output.overwrites() ? Optional.empty() : resume(output, damaged);
      if (output.overwrites() && output.resume() != null) {
        throw LatheException.user(
            "overwrite_output_dir starts anew and resume_from_checkpoint goes on", "choose one");
      }
      return new OutputDirectory(path, lock, output.overwrites(), resume, damaged);
    } catch (LatheException e) {
      release(path, lock);
      throw e;
    }
  }

  private static FileChannel lock(Path path) {
    try {
      Files.createDirectories(path);
      FileChannel channel =
          FileChannel.open(path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      Optional<FileLock> lock = tryLock(channel);
      if (lock.isEmpty()) {
        channel.close();
        throw LatheException.user(
            "another run is writing into '" + path + "'", "wait for it, or set another output_dir");
      }
      return channel;
    } catch (IOException e) {
      throw DurableFiles.failure(path, e);
    }
  }

  private static Optional<FileLock> tryLock(FileChannel channel) throws IOException {
    try {
      return Optional.ofNullable(channel.tryLock());
    } catch (OverlappingFileLockException e) {
      return Optional.empty();
    }
  }

  private static Optional<Path> resume(Recipe.Output output, List<String> damaged) {
    Path path = output.directory();
    if (Files.exists(path.resolve(RECORD))) {
      throw LatheException.user(
          "'" + path + "' holds the adapter of a finished run",
          "set another output_dir, or overwrite_output_dir=true to train anew");
    }
    if (output.resume() != null && !output.resume().equalsIgnoreCase("true")) {
      Path asked = Path.of(output.resume());
      CheckpointManifest.fault(asked)
          .ifPresent(fault -> {
            throw LatheException.user(
                "the checkpoint '" + asked + "' cannot be resumed from: " + fault,
                "resume_from_checkpoint=true takes the newest whole one");
          });
      return Optional.of(asked);
    }
    for (Path checkpoint : checkpoints(path)) {
      Optional<String> fault = CheckpointManifest.fault(checkpoint);
      if (fault.isEmpty()) {
        return Optional.of(checkpoint);
      }
      damaged.add("'" + checkpoint + "' is damaged and skipped: " + fault.get());
    }
    if (output.resume() != null || !damaged.isEmpty()) {
      throw LatheException.user(
          "there is no whole checkpoint in '"
              + path
              + "'"
              + (damaged.isEmpty() ? "" : ": " + String.join("; ", damaged)),
          "leave resume_from_checkpoint out and set overwrite_output_dir=true to start anew");
    }
    refuseOthers(path);
    return Optional.empty();
  }

  /// A log without a checkpoint is what a run leaves that was killed before its first one.
  private static void refuseOthers(Path path) {
    try (DirectoryStream<Path> inside = Files.newDirectoryStream(path)) {
      for (Path file : inside) {
        String name = String.valueOf(file.getFileName());
        boolean leftover =
            name.equals(LOCK)
                || name.equals(LOG)
                || (name.startsWith(".") && name.endsWith(".tmp"));
        if (!leftover) {
          throw LatheException.user(
              "output_dir '" + path + "' is not empty: it holds '" + name + "'",
              "set another output_dir, or overwrite_output_dir=true");
        }
      }
    } catch (IOException e) {
      throw DurableFiles.failure(path, e);
    }
  }

  /// Checkpoint directories, the newest first.
  static List<Path> checkpoints(Path path) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> inside = Files.newDirectoryStream(path)) {
      for (Path file : inside) {
        if (CHECKPOINT.matcher(String.valueOf(file.getFileName())).matches()) {
          found.add(file);
        }
      }
    } catch (IOException e) {
      throw DurableFiles.failure(path, e);
    }
    found.sort(Comparator.comparingInt(OutputDirectory::step).reversed());
    return found;
  }

  /// The step in a checkpoint's name.
  static int step(Path checkpoint) {
    var matcher = CHECKPOINT.matcher(String.valueOf(checkpoint.getFileName()));
    return matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
  }

  public Path path() {
    return path;
  }

  /// The whole checkpoint to go on from.
  public Optional<Path> resumeFrom() {
    return resumeFrom;
  }

  /// One line for each damaged checkpoint that was skipped.
  public List<String> damaged() {
    return damaged;
  }

  /// Clears what an earlier run left: everything of ours when starting anew, half-written
  /// directories otherwise. Files of others stay.
  void clear() {
    boolean anew = resumeFrom.isEmpty();
    try (DirectoryStream<Path> inside = Files.newDirectoryStream(path)) {
      for (Path file : inside) {
        String name = String.valueOf(file.getFileName());
        boolean half = name.startsWith(".") && name.endsWith(".tmp");
        if (half || (anew && OURS.matcher(name).matches())) {
          DurableFiles.deleteTree(file);
        }
      }
    } catch (IOException e) {
      throw DurableFiles.failure(path, e);
    }
  }

  /// Whether everything of an earlier run is to be replaced.
  boolean overwrites() {
    return overwrites;
  }

  @Override
  public void close() {
    release(path, lockFile);
  }

  private static void release(Path path, FileChannel lock) {
    try {
      if (lock.isOpen()) {
        Files.deleteIfExists(path.resolve(LOCK));
        lock.close();
      }
    } catch (IOException e) {
      throw DurableFiles.failure(path, e);
    }
  }
}
