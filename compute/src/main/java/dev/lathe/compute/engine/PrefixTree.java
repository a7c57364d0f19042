package dev.lathe.compute.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The pages of a pool, and among them the full ones under the tokens that they were computed from,
/// so that sequences with equal beginnings share them without a copy. There is a tree for each
/// scope and adapter: a page is found only by a sequence of the same scope and adapter whose tokens
/// are the same, compared one by one, from the first on. Knows no weights; for one thread.
///
/// The tree holds each of its pages once, every sequence that uses one holds it too. A page that
/// only the tree holds is idle and is given away when pages run out, the one that has been idle
/// longest first. A sequence gives up its last page first, and whoever uses a page uses those
/// before it: so the page idle longest never has a child.
final class PrefixTree {
  /// Whose prefixes are shared.
  ///
  /// @param adapter number of the adapter version, 0 without
  private record Root(String scope, int adapter) {}

  private static final class Node {
    private final Root root;
    private final @Nullable Node parent;
    private final Tokens tokens;
    private final int page;
    private final Map<Tokens, Node> children = new HashMap<>(4);
    private Node older = this;
    private Node newer = this;

    private Node(Root root, @Nullable Node parent, Tokens tokens, int page) {
      this.root = root;
      this.parent = parent;
      this.tokens = tokens;
      this.page = page;
    }
  }

  /// The tokens of one page, by value.
  private static final class Tokens {
    private final int[] ids;
    private final int hash;

    private Tokens(int[] ids) {
      this.ids = ids;
      this.hash = Arrays.hashCode(ids);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Tokens tokens && Arrays.equals(ids, tokens.ids);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  private final PagePool pool;
  private final int slots;
  private final Map<Root, Map<Tokens, Node>> roots = new HashMap<>();
  private final @Nullable Node[] nodes;

  /// Before the page idle longest and after the one idle shortest.
  private final Node ring = new Node(new Root("", 0), null, new Tokens(new int[0]), -1);

  private int idle;

  /// @param slots tokens of one page
  PrefixTree(PagePool pool, int slots) {
    this.pool = pool;
    this.slots = slots;
    nodes = new Node[pool.pages()];
  }

  int pages() {
    return pool.pages();
  }

  /// Pages that can be taken: free or idle.
  int available() {
    return pool.free() + idle;
  }

  /// Pages of the tree that no sequence uses.
  int idle() {
    return idle;
  }

  /// Gives a sequence that has no pages those of the longest known prefix of its tokens, as far as
  /// only keys and values of them are wanted.
  void attach(Sequence sequence) {
    Root root = root(sequence);
    Map<Tokens, Node> next = roots.getOrDefault(root, Map.of());
    for (int page = 0; page < sequence.wanted() / slots && !next.isEmpty(); page++) {
      Node node = next.get(tokens(sequence, page));
      if (node == null) {
        break;
      }
      hold(node);
      sequence.addPage(node.page);
      next = node.children;
    }
    sequence.reuse(sequence.pageCount(), slots);
  }

  /// Gives the sequence one more page. Ask [#available] first.
  void extend(Sequence sequence) {
    if (pool.free() == 0) {
      evict();
    }
    sequence.addPage(pool.take());
  }

  /// Enters the pages of a sequence that have become full. Where another sequence was quicker its
  /// page is used from now on: equal tokens give equal keys and values.
  void enter(Sequence sequence) {
    Root root = root(sequence);
    for (int page = sequence.enteredPages(); page < sequence.computed() / slots; page++) {
      Node parent = page == 0 ? null : node(sequence.pages()[page - 1]);
      Map<Tokens, Node> siblings =
          parent == null ? roots.computeIfAbsent(root, _ -> new HashMap<>()) : parent.children;
      int own = sequence.pages()[page];
      Tokens tokens = tokens(sequence, page);
      Node known = siblings.get(tokens);
      if (known == null) {
        Node node = new Node(root, parent, tokens, own);
        siblings.put(tokens, node);
        nodes[own] = node;
        pool.share(own);
      } else {
        hold(known);
        sequence.replacePage(page, known.page);
        pool.release(own);
      }
      sequence.entered(page + 1);
    }
  }

  /// Takes all pages from a sequence, the last first; it is to be computed again.
  void release(Sequence sequence) {
    for (int i = sequence.pageCount() - 1; i >= 0; i--) {
      int page = sequence.pages()[i];
      pool.release(page);
      Node node = nodes[page];
      if (node != null && pool.holders(page) == 1) {
        link(node);
      }
    }
    sequence.dropPages();
  }

  /// Frees the pages of an adapter that no sequence uses.
  void forget(int adapter) {
    List<Node> doomed = new ArrayList<>();
    for (Node node = ring.newer; node != ring; node = node.newer) {
      if (node.root.adapter() == adapter) {
        doomed.add(node);
      }
    }
    doomed.forEach(this::remove);
  }

  /// Whether a sequence could use the first `pages` pages of another once these are computed.
  boolean agree(Sequence sequence, Sequence other, int pages) {
    return pages <= sequence.wanted() / slots
        && pages <= other.length() / slots
        && sequence.adapterGroup() == other.adapterGroup()
        && sequence.terms().scope().equals(other.terms().scope())
        && sequence.startsLike(other, pages * slots);
  }

  private static Root root(Sequence sequence) {
    return new Root(sequence.terms().scope(), sequence.adapterGroup());
  }

  private Tokens tokens(Sequence sequence, int page) {
    int[] ids = new int[slots];
    for (int slot = 0; slot < slots; slot++) {
      ids[slot] = sequence.token(page * slots + slot);
    }
    return new Tokens(ids);
  }

  private Node node(int page) {
    Node node = nodes[page];
    if (node == null) {
      throw new IllegalStateException("page " + page + " is not in the tree");
    }
    return node;
  }

  private void hold(Node node) {
    if (pool.holders(node.page) == 1) {
      unlink(node);
    }
    pool.share(node.page);
  }

  private void evict() {
    if (idle == 0) {
      throw new IllegalStateException("no page is free or idle");
    }
    remove(ring.newer);
  }

  private void remove(Node node) {
    if (!node.children.isEmpty()) {
      throw new IllegalStateException("page " + node.page + " still has children");
    }
    unlink(node);
    Map<Tokens, Node> siblings =
        node.parent == null ? roots.getOrDefault(node.root, Map.of()) : node.parent.children;
    siblings.remove(node.tokens);
    if (node.parent == null && siblings.isEmpty()) {
      roots.remove(node.root);
    }
    nodes[node.page] = null;
    pool.release(node.page);
  }

  private void link(Node node) {
    node.older = ring.older;
    node.newer = ring;
    node.older.newer = node;
    ring.older = node;
    idle++;
  }

  private void unlink(Node node) {
    node.older.newer = node.newer;
    node.newer.older = node.older;
    idle--;
  }
}
