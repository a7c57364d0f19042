/// Lathe's own routes beside the APIs of others, and all routes put together: [Service] is a server
/// that answers.
@NullMarked
package dev.lathe.app.http.service;

import org.jspecify.annotations.NullMarked;
