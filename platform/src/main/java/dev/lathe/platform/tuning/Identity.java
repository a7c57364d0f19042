package dev.lathe.platform.tuning;

/// What a run is made of, each by its SHA-256 in hexadecimal.
///
/// @param base weights and configuration of the base model
/// @param tokenizer its tokenizer
/// @param template its chat template
/// @param data the rows trained on
/// @param evaluation the rows validated with; empty where there are none
public record Identity(
    String base, String tokenizer, String template, String data, String evaluation) {}
