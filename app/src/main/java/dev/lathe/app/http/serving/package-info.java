/// What the routes of every API share: models found by name, prompts that fit, answers that end
/// when their client goes away. [Serving] is the door.
@NullMarked
package dev.lathe.app.http.serving;

import org.jspecify.annotations.NullMarked;
