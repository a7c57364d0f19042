package dev.lathe.platform.registry;

/// What kind of files the weights of a model are.
public enum ModelFormat {
  /// `config.json`, safetensors, tokenizer files: a folder.
  HUGGINGFACE("huggingface"),
  /// One GGUF file with everything inside.
  GGUF("gguf");

  private final String label;

  ModelFormat(String label) {
    this.label = label;
  }

  /// How manifests and tables write it.
  public String label() {
    return label;
  }
}
