package dev.lathe.platform.tuning;

/// One value as a user gave it.
///
/// @param origin where it stands, for messages: `run.yaml line 3`, `command line`
record Setting(String key, String value, String origin) {}
