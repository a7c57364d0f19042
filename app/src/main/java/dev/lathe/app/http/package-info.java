/// The HTTP server: [Route]s with their operation, requests and answers ([Fields], [Shape]), and
/// what stands before them: keys, origins, limits, time. [HttpServer] runs them; [Call] is one
/// request. Knows no model; the routes are in the packages below.
@NullMarked
package dev.lathe.app.http;

import org.jspecify.annotations.NullMarked;
