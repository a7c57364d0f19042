/// OpenAI's API over the gateway: chat, completions, responses, embeddings, models, with vLLM's
/// further parameters. A parameter that is not obeyed is refused by name.
@NullMarked
package dev.lathe.app.http.openai;

import org.jspecify.annotations.NullMarked;
