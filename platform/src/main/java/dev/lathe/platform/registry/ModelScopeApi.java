package dev.lathe.platform.registry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelSource.ModelScope;
import dev.lathe.platform.registry.RemoteFile.Digest;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// ModelScope's HTTP interface: `/api/v1/models/REPO/repo/files` lists, `/api/v1/models/REPO/repo`
/// gives one file. The hub names no commit in its listing, so the revision stays the branch or tag
/// that was asked for; the manifest's hashes pin the content.
///
/// @param settings where the hub is
record ModelScopeApi(ModelScope source, SourceSettings settings) implements HubOrigin.Api {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String MAIN_BRANCH = "master";

  @Override
  public HttpTransfer.Hub hub() {
    return new HttpTransfer.Hub(settings.modelScopeEndpoint(), Optional.empty(), this::refusal);
  }

  @Override
  public Optional<String> wantedFile() {
    return source.file();
  }

  @Override
  public String where() {
    return "model '%s' of '%s'".formatted(source.repository(), settings.modelScopeEndpoint());
  }

  @Override
  public HubOrigin.Api.Listing list(HttpTransfer transfer) throws IOException {
    String revision = source.revision().orElse(MAIN_BRANCH);
    String query = "/repo/files?Recursive=true&Revision=" + HubOrigin.encoded(revision);
    JsonNode root = JSON.readTree(transfer.get(api(query)).body());
    if (!root.path("Data").path("Files").isArray()) {
      throw new IOException(root.path("Message").asText("it has no Data.Files"));
    }
    List<RemoteFile> files = new ArrayList<>();
    for (JsonNode entry : root.path("Data").path("Files")) {
      String path = entry.path("Path").asText();
      boolean atTop = !path.contains("/") || source.file().filter(path::equals).isPresent();
      if (entry.path("Type").asText().equals("blob") && atTop) {
        files.add(new RemoteFile(path, entry.path("Size").asLong(-1), digest(entry)));
      }
    }
    return new HubOrigin.Api.Listing(revision, Optional.empty(), files);
  }

  private static Optional<Digest> digest(JsonNode entry) {
    String hex = entry.path("Sha256").asText("");
    return hex.matches("[0-9a-f]{64}")
        ? Optional.of(new Digest(Digest.Kind.SHA_256, hex))
        : Optional.empty();
  }

  private URI api(String rest) {
    return HubOrigin.at(
        settings.modelScopeEndpoint(), "/api/v1/models/" + source.repository() + rest);
  }

  @Override
  public URI file(String revision, String path) {
    return api(
        "/repo?Revision=%s&FilePath=%s"
            .formatted(HubOrigin.encoded(revision), HubOrigin.encoded(path)));
  }

  @Override
  public LatheException refusal(HttpResponse<?> response) {
    int status = response.statusCode();
    return switch (status) {
      case 401, 403 ->
          LatheException.user(
              "%s is not public (HTTP %d)".formatted(where(), status),
              "only public models are pulled from there");
      case 404 ->
          LatheException.notFound(
              "%s at revision '%s' is not there (HTTP 404)"
                  .formatted(where(), source.revision().orElse(MAIN_BRANCH)),
              "check the spelling");
      default ->
          LatheException.environment(
              "%s answered HTTP %d".formatted(where(), status), "check the endpoint", null);
    };
  }
}
