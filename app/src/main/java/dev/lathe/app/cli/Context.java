package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;

/// What every verb is given.
public record Context(Environment environment, Screen screen) {}
