/// Text in, text out: a base model and its adapters behind one door. [Generator] opens a model,
/// [Ask] is one request, [ReplyStream] its text as it comes. Holds no state between requests; the
/// tokens are made by `compute.engine`.
@NullMarked
package dev.lathe.platform.gateway;

import org.jspecify.annotations.NullMarked;
