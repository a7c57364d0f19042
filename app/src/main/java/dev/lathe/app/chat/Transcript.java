package dev.lathe.app.chat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.text.Message;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;

/// Writes a conversation down: to a name that ends in `.jsonl` one line `{"messages": […]}` is
/// appended, a row that `lathe train` takes; any other file is Markdown and is never overwritten.
final class Transcript {
  private static final JsonMapper JSON = new JsonMapper();

  private Transcript() {}

  static void save(List<Message> messages, Path file) {
    try {
      if (file.toString().endsWith(".jsonl")) {
        Files.writeString(
            file, row(messages) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } else {
        Files.writeString(file, markdown(messages), StandardOpenOption.CREATE_NEW);
      }
    } catch (FileAlreadyExistsException e) {
      throw LatheException.user("'" + file + "' is there already", "choose another name");
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be written (" + e.getMessage() + ")", "choose another place", e);
    }
  }

  private static String row(List<Message> messages) {
    ObjectNode row = JSON.createObjectNode();
    ArrayNode list = row.putArray("messages");
    for (Message message : messages) {
      list.addObject().put("role", message.role().label()).put("content", message.content());
    }
    return row.toString();
  }

  private static String markdown(List<Message> messages) {
    return messages.stream()
        .map(message -> "**" + message.role().label() + "**\n\n" + message.content() + "\n")
        .collect(Collectors.joining("\n"));
  }
}
