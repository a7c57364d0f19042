package dev.lathe.compute.adapter;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.adapter.PeftConfig.Setting;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// Adapter directories in the format of PEFT.
///
/// `adapter_config.json` (sorted keys, indented by two), `adapter_model.safetensors` (metadata
/// `format` = `pt`) with fp32 tensors `base_model.model.` + module + `.lora_A.weight` `[R, in]` and
/// `.lora_B.weight` `[out, R]`, and `README.md`. The same adapter gives the same bytes. Source:
/// `docs/source/developer_guides/checkpoint.md` of PEFT.
public final class AdapterFiles {
  public static final String CONFIG = "adapter_config.json";
  public static final String WEIGHTS = "adapter_model.safetensors";
  private static final Pattern TELLS_NOTHING =
      Pattern.compile("adapter|lora|out|output|checkpoint-[0-9]+");
  private static final String PREFIX = "base_model.model.";
  private static final long MAX_CONFIG = 4 << 20;
  private static final int SHOWN = 12;

  private AdapterFiles() {}

  /// Reads a directory that PEFT or [#write] wrote.
  ///
  /// @param model of the base that it is for; every module, rank and shape is checked against it
  /// @throws LatheException naming all that cannot be applied; nothing is ever applied in part
  public static Adapter read(Path directory, ModelConfig model) {
    JsonNode json = StrictJson.object(configFile(directory), MAX_CONFIG);
    List<String> problems = new ArrayList<>();
    Map<String, Setting> settings = PeftConfig.read(json, model, problems);
    Path weights = directory.resolve(WEIGHTS);
    if (!Files.exists(weights)) {
      problems.add(
          Files.exists(directory.resolve("adapter_model.bin"))
              ? "its weights are in 'adapter_model.bin', a pickle, which is never read"
              : "there is no '" + WEIGHTS + "'");
      throw refusal(directory, problems);
    }
    try (WeightSource source = Safetensors.open(List.of(weights))) {
      List<Adapter.Factor> factors = factors(source, settings, model, problems);
      if (!problems.isEmpty()) {
        throw refusal(directory, problems);
      }
      return new Adapter(name(directory), factors);
    }
  }

  /// What people call the adapter in a directory: the directory's name, and the one above it as
  /// well where the name says nothing (`quillmere/adapter`, `mine/checkpoint-40`).
  public static String name(Path directory) {
    Path path = directory.toAbsolutePath().normalize();
    int parts = path.getNameCount();
    if (parts == 0) {
      return "adapter";
    }
    boolean telling = !TELLS_NOTHING.matcher(path.getFileName().toString()).matches();
    return path.subpath(telling ? parts - 1 : Math.max(0, parts - 2), parts).toString();
  }

  private static Path configFile(Path directory) {
    Path file = directory.resolve(CONFIG);
    if (!Files.exists(file)) {
      throw LatheException.notFound(
          "'" + directory + "' is no adapter, it has no '" + CONFIG + "'", "");
    }
    return file;
  }

  private static LatheException refusal(Path directory, List<String> problems) {
    return LatheException.user(
        "the adapter '"
            + directory
            + "' cannot be applied: "
            + FirstFew.of(problems, SHOWN, "; ", "; and "),
        "");
  }

  private static List<Adapter.Factor> factors(
      WeightSource source,
      Map<String, Setting> settings,
      ModelConfig model,
      List<String> problems) {
    Set<String> left = new TreeSet<>(source.names());
    List<Adapter.Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < model.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        String module = WeightNames.module(layer, projection);
        Setting setting = settings.get(module);
        if (setting == null) {
          continue;
        }
        List<Long> aShape = List.of((long) setting.rank(), (long) model.in(projection));
        List<Long> bShape = List.of((long) model.out(projection), (long) setting.rank());
        left.remove(a(module));
        left.remove(b(module));
        float[] a = values(source, a(module), aShape, problems);
        float[] b = values(source, b(module), bShape, problems);
        if (problems.isEmpty()) {
          factors.add(
              new Adapter.Factor(layer, projection, setting.rank(), setting.scaling(), a, b));
        }
      }
    }
    for (String name : left) {
      problems.add("tensor '" + name + "' belongs to no target module");
    }
    return factors;
  }

  /// The checked values; an empty array with a problem.
  private static float[] values(
      WeightSource source, String name, List<Long> shape, List<String> problems) {
    if (!source.names().contains(name)) {
      problems.add("tensor '" + name + "' is missing");
      return new float[0];
    }
    WeightTensor tensor = source.tensor(name);
    if (!tensor.shape().equals(shape)) {
      problems.add("tensor '" + name + "' is " + tensor.shape() + ", " + shape + " was wanted");
      return new float[0];
    }
    float[] values = Dequantize.toF32(tensor);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        problems.add("tensor '" + name + "' contains " + value);
        break;
      }
    }
    return values;
  }

  private static String a(String module) {
    return PREFIX + module + ".lora_A.weight";
  }

  private static String b(String module) {
    return PREFIX + module + ".lora_B.weight";
  }

  /// Writes a directory that PEFT loads, and brings its files to the disk. Files of the same names
  /// are replaced in place: who needs them to survive a crash writes to a new directory and
  /// renames.
  ///
  /// @param spec what the adapter was trained with; every factor has its rank and scaling
  /// @param baseModelNameOrPath what PEFT shall load as the base
  public static void write(
      Path directory, Adapter adapter, AdapterSpec spec, String baseModelNameOrPath) {
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    for (Adapter.Factor factor : adapter.factors()) {
      check(factor, spec);
      String module = WeightNames.module(factor.layer(), factor.projection());
      tensors.put(a(module), output(factor.rank(), factor.a(), true));
      tensors.put(b(module), output(factor.rank(), factor.b(), false));
    }
    try {
      Files.createDirectories(directory);
      Safetensors.write(directory.resolve(WEIGHTS), tensors, Map.of("format", "pt"));
      writeText(directory.resolve(CONFIG), configText(spec, baseModelNameOrPath));
      writeText(directory.resolve("README.md"), readme(spec, baseModelNameOrPath));
    } catch (IOException e) {
      throw LatheException.environment(
          "the adapter '" + directory + "' cannot be written", e.toString(), e);
    }
  }

  private static void check(Adapter.Factor factor, AdapterSpec spec) {
    if (factor.rank() != spec.rank()
        || factor.scaling() != (float) spec.scaling()
        || !spec.targets().contains(factor.projection())) {
      throw new IllegalArgumentException(
          "the factors of "
              + factor.projection()
              + " in layer "
              + factor.layer()
              + " are not those of "
              + spec);
    }
  }

  private static Safetensors.Output output(int rank, float[] values, boolean rankFirst) {
    long rows = rank;
    long other = values.length / rank;
    return Safetensors.Output.of(
        DType.F32, rankFirst ? List.of(rows, other) : List.of(other, rows), values);
  }

  private static void writeText(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardCharsets.UTF_8);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  private static String configText(AdapterSpec spec, String base) throws IOException {
    var indenter = new DefaultIndenter("  ", "\n");
    var printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""))
            .withArrayIndenter(indenter)
            .withObjectIndenter(indenter);
    return new ObjectMapper().writer(printer).writeValueAsString(config(spec, base)) + "\n";
  }

  /// The keys that every version of PEFT knows, sorted.
  private static ObjectNode config(AdapterSpec spec, String base) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putObject("alpha_pattern");
    json.putNull("auto_mapping");
    json.put("base_model_name_or_path", base);
    json.put("bias", "none");
    json.put("fan_in_fan_out", false);
    json.put("inference_mode", true);
    json.put("init_lora_weights", true);
    json.putNull("layers_pattern");
    json.putNull("layers_to_transform");
    if (spec.alpha() == Math.rint(spec.alpha()) && Math.abs(spec.alpha()) < 1e9) {
      json.put("lora_alpha", (int) spec.alpha());
    } else {
      json.put("lora_alpha", spec.alpha());
    }
    json.put("lora_bias", false);
    json.put("lora_dropout", spec.dropout());
    json.putNull("modules_to_save");
    json.put("peft_type", "LORA");
    json.put("r", spec.rank());
    json.putObject("rank_pattern");
    json.putNull("revision");
    var targets = json.putArray("target_modules");
    spec.targets().stream().map(Projection::target).sorted().forEach(targets::add);
    json.put("task_type", "CAUSAL_LM");
    json.put("use_dora", false);
    json.put("use_rslora", spec.rootScaling());
    return json;
  }

  private static String readme(AdapterSpec spec, String base) {
    return """
    ---
    base_model: %s
    library_name: peft
    tags:
    - base_model:adapter:%s
    - lora
    pipeline_tag: text-generation
    ---

    # LoRA adapter

    Rank %d, alpha %s, on %s. For the base model `%s`, made by Lathe; loads with PEFT.
    """
        .formatted(
            quoted(base),
            base.replaceAll("\\s", " "),
            spec.rank(),
            spec.alpha(),
            String.join(", ", spec.targets().stream().map(Projection::target).sorted().toList()),
            base.replace('`', '\''));
  }

  /// A string of YAML: one of JSON.
  private static String quoted(String text) {
    return new ObjectMapper().getNodeFactory().textNode(text).toString();
  }
}
