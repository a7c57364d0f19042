/// The chat page that a browser gets: [ChatPage] serves its files, which know the HTTP API only.
@NullMarked
package dev.lathe.app.http.page;

import org.jspecify.annotations.NullMarked;
