package dev.lathe.compute.engine;

import java.util.HashMap;
import java.util.Map;

/// How much each user was served: the virtual token counters of Sheng et al. 2024 (arXiv
/// 2401.00588). Whoever was served least comes first; one who comes back after a pause starts from
/// where the least served of those present is, so that a pause earns no credit. Knows no weights;
/// for one thread.
final class FairShare {
  private static final class Account {
    private double served;
    private int open;
  }

  private final Map<String, Account> accounts = new HashMap<>();

  /// One more request of the user is here.
  void join(String user) {
    double least = leastPresent();
    Account account = accounts.computeIfAbsent(user, _ -> new Account());
    if (account.open == 0 && Double.isFinite(least)) {
      account.served = Math.max(account.served, least);
    }
    account.open++;
  }

  /// One request of the user is gone. The accounts of users without requests are kept only as long
  /// as they say more than new ones would.
  void leave(String user) {
    account(user).open--;
    double least = leastPresent();
    accounts.values().removeIf(account -> account.open == 0 && account.served <= least);
  }

  void charge(String user, double tokens) {
    account(user).served += tokens;
  }

  double served(String user) {
    return account(user).served;
  }

  /// Accounts that are kept.
  int size() {
    return accounts.size();
  }

  private double leastPresent() {
    double least = Double.POSITIVE_INFINITY;
    for (Account account : accounts.values()) {
      least = account.open > 0 ? Math.min(least, account.served) : least;
    }
    return least;
  }

  private Account account(String user) {
    Account account = accounts.get(user);
    if (account == null) {
      throw new IllegalStateException("user '" + user + "' has no request");
    }
    return account;
  }
}
