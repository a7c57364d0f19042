package dev.lathe.compute.text;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Template.Rendered;
import dev.lathe.compute.jinja.Template.Scoped;
import dev.lathe.compute.jinja.Template.Span;
import dev.lathe.compute.jinja.Text;
import dev.lathe.compute.text.Message.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Finds the answers in a rendered conversation.
///
/// What was written while the template went through message `i` is that message's stretch. An
/// answer is an assistant's stretch without the opening that the template also writes to ask for an
/// answer; or, where the template marks it, its `generation` block.
final class Turns {
  private Turns() {}

  /// The answers, in order, one for each assistant message.
  ///
  /// @param opening what asks for an answer: `<|im_start|>assistant\n`; may be empty
  static List<Span> answers(Rendered rendered, Conversation conversation, String opening) {
    List<Span> answers = new ArrayList<>();
    for (int i = 0; i < conversation.messages().size(); i++) {
      if (conversation.messages().get(i).role() == Role.ASSISTANT) {
        Span stretch = stretch(rendered, i);
        answers.add(
            marked(rendered, stretch)
                .orElseGet(() -> withoutOpening(rendered.text(), stretch, opening)));
      }
    }
    return answers;
  }

  /// What was written for message `index`: the stretch with its content, else the last one.
  static Span stretch(Rendered rendered, int index) {
    Span last = null;
    for (Scoped scoped : rendered.scopes()) {
      if (scoped.scope() == index + 1) {
        last = new Span(scoped.start(), scoped.end());
        if (content(rendered.text(), last) >= 0) {
          return last;
        }
      }
    }
    if (last == null) {
      throw LatheException.user(
          "the chat template writes nothing while it goes through message " + (index + 1),
          "training needs a template that loops over the messages");
    }
    return last;
  }

  private static Optional<Span> marked(Rendered rendered, Span stretch) {
    return rendered.generations().stream()
        .filter(span -> span.start() >= stretch.start() && span.end() <= stretch.end())
        .reduce((first, last) -> new Span(first.start(), last.end()));
  }

  private static Span withoutOpening(Text text, Span stretch, String opening) {
    boolean opens =
        text.characters().startsWith(opening, stretch.start())
            && stretch.start() + opening.length() <= stretch.end();
    int start = opens ? stretch.start() + opening.length() : content(text, stretch);
    return new Span(start < 0 ? stretch.end() : start, stretch.end());
  }

  /// Where the first character that a message brought stands in a stretch, or -1.
  static int content(Text text, Span stretch) {
    for (Text.Run run : text.runs()) {
      if (run.origin() > 0 && run.end() > stretch.start() && run.start() < stretch.end()) {
        return Math.max(run.start(), stretch.start());
      }
    }
    return -1;
  }
}
