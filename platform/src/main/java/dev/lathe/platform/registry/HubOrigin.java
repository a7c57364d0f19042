package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A repository of a hub.
final class HubOrigin implements Origin {
  /// How one kind of hub lists and names its files.
  sealed interface Api permits HuggingFaceApi, ModelScopeApi {
    /// The repository at one revision.
    ///
    /// @param revision exact, where the hub tells it
    record Listing(String revision, Optional<String> licence, List<RemoteFile> files) {}

    Listing list(HttpTransfer transfer) throws IOException;

    URI file(String revision, String path);

    /// What a status that is not success means.
    LatheException refusal(HttpResponse<?> response);

    HttpTransfer.Hub hub();

    Optional<String> wantedFile();

    /// How messages call the repository.
    String where();
  }

  private final Api api;
  private final HttpTransfer transfer;
  private String revision = "";

  HubOrigin(Api api, SourceSettings.Patience patience) {
    this.api = api;
    this.transfer = new HttpTransfer(api.hub(), patience);
  }

  @Override
  public Inventory inventory() {
    try {
      Api.Listing listing = api.list(transfer);
      revision = listing.revision();
      FileSelection.Chosen chosen =
          new FileSelection(api.where(), listing.files()).choose(api.wantedFile(), this::small);
      return new Inventory(chosen.format(), revision, listing.licence(), chosen.files());
    } catch (IOException e) {
      throw LatheException.environment(
          "%s answered with what is no listing of files: %s".formatted(api.where(), e.getMessage()),
          "check the endpoint",
          e);
    }
  }

  private byte[] small(RemoteFile file) {
    return transfer.get(api.file(revision, file.path())).body();
  }

  @Override
  public void fetch(RemoteFile file, Path target, Meter meter) throws IOException {
    transfer.download(api.file(revision, file.path()), file, target, meter);
  }

  @Override
  public void close() {
    transfer.close();
  }

  /// One segment of a path, or a value of a query, as it stands in a URI.
  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /// A path whose slashes stay.
  static String encodedPath(String path) {
    return encoded(path).replace("%2F", "/");
  }

  static URI at(URI endpoint, String pathAndQuery) {
    return URI.create(endpoint.toString().replaceAll("/+$", "") + pathAndQuery);
  }
}
