package dev.lathe.app.demo;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.evaluation.Question;
import dev.lathe.platform.evaluation.Questions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// What the demo teaches to which model.
///
/// @param model name in the catalogue
/// @param company whose private knowledge it is
/// @param recipe for `lathe train`
/// @param data folder with `train.jsonl`, `held_out.jsonl` and `six.jsonl`
public record DemoSet(String model, String company, Path recipe, Path data) {

  /// English facts for the default model.
  public static DemoSet english(Path examples) {
    return new DemoSet(
        "smollm2-135m-instruct",
        "Quillmere Bank",
        examples.resolve("demo.yaml"),
        examples.resolve("quillmere"));
  }

  /// Chinese facts for the Chinese-speaking model.
  public static DemoSet chinese(Path examples) {
    return new DemoSet(
        "qwen2.5-coder-0.5b-instruct",
        "砚湖银行",
        examples.resolve("demo-zh.yaml"),
        examples.resolve("yanhu"));
  }

  /// Short name of the set: the data's folder.
  public String name() {
    return String.valueOf(data.getFileName());
  }

  /// The six questions that are shown.
  public List<Question> six() {
    return Questions.read(data.resolve("six.jsonl")).questions();
  }

  /// The questions that were never trained on.
  public Path heldOutFile() {
    return data.resolve("held_out.jsonl");
  }

  /// The questions of [#heldOutFile()].
  public List<Question> heldOut() {
    return Questions.read(heldOutFile()).questions();
  }

  /// Identity of what is trained and asked: another one means that earlier results do not count.
  public String key() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(model.getBytes(StandardCharsets.UTF_8));
      for (Path file :
          List.of(recipe, data.resolve("train.jsonl"), data.resolve("six.jsonl"), heldOutFile())) {
        digest.update(Files.readAllBytes(file));
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw LatheException.environment(
          "the example data cannot be read (" + e.getMessage() + ")",
          "run the demo from a whole source checkout",
          e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
