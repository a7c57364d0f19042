package dev.lathe.compute.text;

/// A token that is found in text as a whole, before anything else is cut into pieces.
///
/// @param content its characters
/// @param special a control token, which never stands for text; others (`<tool_call>`) may be
///   written by the model as part of an answer
/// @param leftStrip whether it swallows white space before it
/// @param rightStrip whether it swallows white space after it
/// @param singleWord whether it counts only where no letter or digit touches it
record AddedToken(
    int id,
    String content,
    boolean special,
    boolean leftStrip,
    boolean rightStrip,
    boolean singleWord) {
  /// What may become this token. Blanks are no markup: a run of them is an ordinary piece.
  AddedTokens.Trust needs() {
    if (special) {
      return AddedTokens.Trust.TEMPLATE;
    }
    return content.isBlank() ? AddedTokens.Trust.PLAIN : AddedTokens.Trust.ANSWER;
  }

  /// As a record's own, which would be put together at run time, while a start waits for it. It is
  /// part of the identity of a tokenizer, see [Tokenizer#sha256].
  @Override
  public String toString() {
    return "AddedToken[id="
        + id
        + ", content="
        + content
        + ", special="
        + special
        + ", leftStrip="
        + leftStrip
        + ", rightStrip="
        + rightStrip
        + ", singleWord="
        + singleWord
        + "]";
  }
}
