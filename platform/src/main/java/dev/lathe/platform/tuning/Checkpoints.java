package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.training.trainer.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;

/// The checkpoints of one run: `checkpoint-<step>` directories.
///
/// Each holds the adapter as PEFT has it, the trainer's own files (none with `save_only_model`),
/// `trainer_state.json` as Hugging Face has it, `lathe_run.json` and [CheckpointManifest]. It is
/// written under a hidden name, brought to the disk file by file, and renamed: whatever is called
/// `checkpoint-<step>` was once whole.
///
/// `lathe_run.json`: `format` (1), `settings` (the recipe's keys that shape the adapter),
/// `identity`, `threads`, `resumable`, `state` (the sums of [RunState]).
final class Checkpoints {
  static final String RUN = "lathe_run.json";
  static final String TRAINER_STATE = "trainer_state.json";
  private static final int FORMAT = 1;
  private static final long SLACK_BYTES = 4L << 20;

  private final Path directory;
  private final Job job;

  Checkpoints(Path directory, Job job) {
    this.directory = directory;
    this.job = job;
  }

  Path path(int step) {
    return directory.resolve("checkpoint-" + step);
  }

  /// Writes a checkpoint and removes old ones beyond `save_total_limit`, never the best.
  Path save(Trainer trainer, RunState state, ObjectNode trainerState) {
    Adapter adapter = trainer.adapter(AdapterFiles.name(directory));
    requireSpace(adapter);
    Path place = path(state.step());
    Path temporary = directory.resolve(".checkpoint-" + state.step() + ".tmp");
    try {
      DurableFiles.deleteTree(temporary);
      Files.createDirectory(temporary);
      fill(temporary, trainer, adapter, state, trainerState);
      DurableFiles.deleteTree(place);
      Files.move(temporary, place, StandardCopyOption.ATOMIC_MOVE);
      DurableFiles.sync(directory);
      rotate(state);
    } catch (IOException e) {
      discard(temporary);
      throw DurableFiles.failure(place, e);
    } catch (UncheckedIOException e) {
      discard(temporary);
      throw DurableFiles.failure(place, Objects.requireNonNull(e.getCause()));
    } catch (LatheException e) {
      discard(temporary);
      throw DurableFiles.clarified(place, e);
    }
    return place;
  }

  private void fill(
      Path temporary, Trainer trainer, Adapter adapter, RunState state, ObjectNode trainerState)
      throws IOException {
    AdapterFiles.write(temporary, adapter, job.recipe().adapter(), job.recipe().model());
    if (!job.recipe().output().savesOnlyModel()) {
      trainer.save(temporary);
    }
    DurableFiles.write(temporary.resolve(TRAINER_STATE), Json.sorted(trainerState, 2));
    DurableFiles.write(temporary.resolve(RUN), Json.sorted(run(state), 2));
    CheckpointManifest.write(temporary);
    DurableFiles.syncAll(temporary);
  }

  private static void discard(Path temporary) {
    try {
      DurableFiles.deleteTree(temporary);
    } catch (IOException stays) {
      // The next run removes it; what stopped this one is reported.
    }
  }

  private ObjectNode run(RunState state) {
    ObjectNode run = Json.object();
    run.put("format", FORMAT);
    run.set("settings", Json.MAPPER.valueToTree(job.recipe().shaping()));
    run.set("identity", Json.MAPPER.valueToTree(job.identity()));
    run.put("threads", job.threads());
    run.put("resumable", !job.recipe().output().savesOnlyModel());
    run.set("state", state.toJson());
    return run;
  }

  private void rotate(RunState state) throws IOException {
    int kept = job.recipe().output().keptCheckpoints();
    if (kept == 0) {
      return;
    }
    int best = job.recipe().cadence().keepsBest() ? state.bestStep() : -1;
    List<Path> newestFirst = new ArrayList<>(OutputDirectory.checkpoints(directory));
    newestFirst.removeIf(path -> OutputDirectory.step(path) > state.step());
    List<Path> removable =
        newestFirst.stream()
            .skip(1)
            .filter(path -> OutputDirectory.step(path) != best)
            .toList()
            .reversed();
    int excess = newestFirst.size() - Math.max(kept, 1);
    for (Path oldest : removable) {
      if (excess-- > 0) {
        DurableFiles.deleteTree(oldest);
      }
    }
  }

  /// Refuses to begin a checkpoint that will not fit on the disk.
  void requireSpace(Adapter adapter) {
    long values = 0;
    for (Adapter.Factor factor : adapter.factors()) {
      values += factor.a().length + factor.b().length;
    }
    long needed = values * Float.BYTES * (job.recipe().output().savesOnlyModel() ? 1 : 4);
    long free = directory.toFile().getUsableSpace();
    if (free < needed + SLACK_BYTES) {
      throw LatheException.capacity(
          "the next checkpoint needs "
              + ((needed + SLACK_BYTES) >> 20)
              + " MiB in '"
              + directory
              + "', the disk has "
              + (free >> 20)
              + " MiB left",
          "free some space and run the same command again; earlier checkpoints are whole");
    }
  }

  /// Takes up a checkpoint.
  ///
  /// @throws LatheException naming every setting, file or row set that is not what it was
  RunState restore(Path checkpoint, Trainer trainer) {
    JsonNode run = read(checkpoint.resolve(RUN));
    JsonNode history = read(checkpoint.resolve(TRAINER_STATE)).path("log_history");
    if (!run.path("resumable").asBoolean()) {
      throw LatheException.user(
          "'" + checkpoint + "' was saved with save_only_model and cannot be resumed from",
          "set overwrite_output_dir=true to start anew");
    }
    List<String> differences = differences(run);
    if (!differences.isEmpty()) {
      throw LatheException.user(
          "'" + checkpoint + "' belongs to another run:\n  " + String.join("\n  ", differences),
          "set it back, or start anew with overwrite_output_dir=true or another output_dir");
    }
    trainer.restore(checkpoint);
    return RunState.fromJson(run.get("state"), history);
  }

  /// Takes the adapter of a checkpoint of this run, and nothing else of it.
  ///
  /// @throws LatheException when the checkpoint is not whole
  void takeAdapter(int step, Trainer trainer) {
    Path checkpoint = path(step);
    CheckpointManifest.fault(checkpoint)
        .ifPresent(fault -> {
          throw LatheException.environment(
              "the best checkpoint '" + checkpoint + "' is damaged: " + fault,
              "set overwrite_output_dir=true to start anew, or use another checkpoint as it is",
              null);
        });
    trainer.take(checkpoint);
  }

  private List<String> differences(JsonNode run) {
    List<String> differences = new ArrayList<>();
    JsonNode before = run.path("settings");
    JsonNode now = Json.MAPPER.valueToTree(job.recipe().shaping());
    TreeSet<String> keys = new TreeSet<>();
    before.fieldNames().forEachRemaining(keys::add);
    now.fieldNames().forEachRemaining(keys::add);
    keys.remove("threads");
    for (String key : keys) {
      String was = before.path(key).asText("not set");
      String is = now.path(key).asText("not set");
      if (!was.equals(is)) {
        differences.add(key + " was " + was + ", is " + is);
      }
    }
    if (run.path("threads").asInt() != job.threads()) {
      differences.add("threads were " + run.path("threads").asInt() + ", are " + job.threads());
    }
    JsonNode identity = Json.MAPPER.valueToTree(job.identity());
    for (var entry : identity.properties()) {
      if (!entry.getValue().equals(run.path("identity").path(entry.getKey()))) {
        differences.add("the " + what(entry.getKey()) + " is not the same as before");
      }
    }
    return differences;
  }

  private static String what(String part) {
    return switch (part) {
      case "base" -> "base model";
      case "template" -> "chat template";
      case "data" -> "training data";
      case "evaluation" -> "validation data";
      default -> part;
    };
  }

  private static JsonNode read(Path file) {
    try {
      return Json.MAPPER.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be read: " + e.getMessage(), "take another checkpoint", e);
    }
  }
}
