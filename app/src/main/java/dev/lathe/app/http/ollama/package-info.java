/// Ollama's API over the gateway, for the tools made for it: chat, generate, embed, and what it
/// tells about models. There is one base model, which stays loaded. An option that is not obeyed is
/// refused by name.
@NullMarked
package dev.lathe.app.http.ollama;

import org.jspecify.annotations.NullMarked;
