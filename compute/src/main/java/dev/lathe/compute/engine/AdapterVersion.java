package dev.lathe.compute.engine;

/// One adapter as it was loaded; nothing of it ever changes.
///
/// @param id SHA-256 of its factors: equal factors are one version
/// @param name for messages and lists
/// @param tensors factors applied, two for each adapted module
/// @param rank the largest of its factors
/// @param bytes memory that it takes while it is in memory
public record AdapterVersion(String id, String name, int tensors, int rank, long bytes) {}
