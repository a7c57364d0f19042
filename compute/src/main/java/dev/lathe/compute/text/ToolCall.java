package dev.lathe.compute.text;

/// An assistant's call of a tool.
///
/// @param id what the tool's message refers to; empty where there is none
/// @param argumentsJson the arguments as a JSON object
public record ToolCall(String id, String name, String argumentsJson) {}
