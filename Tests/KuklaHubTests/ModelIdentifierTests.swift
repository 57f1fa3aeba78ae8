import Foundation
import KuklaHub
import KuklaNumerics
import Testing

@Suite struct ModelIdentifierTests {
    @Test func `names become folders of the cache`() throws {
        let cache = URL(fileURLWithPath: "/cache")
        let model = try ModelIdentifier("sentence-transformers/all-MiniLM-L6-v2")
        #expect(model.owner == "sentence-transformers" && model.name == "all-MiniLM-L6-v2")
        #expect(
            ModelHub.folder(for: model, cache: cache).path
                == "/cache/models/sentence-transformers--all-MiniLM-L6-v2")
        #expect(ModelHub.folder(for: try ModelIdentifier("gpt2"), cache: cache).path == "/cache/models/gpt2")
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a/b/c", "..", "a/..", ".fetching/x", "a b/c", "a/b?x", "a%2fb/c", "é/x", "-a/b",
        "a--b/c",
        "a\n/b",
    ])
    func `what is no name is refused`(text: String) {
        let error = #expect(throws: KuklaError.self) { _ = try ModelIdentifier(text) }
        #expect(error?.code == .usage)
    }

    @Test(arguments: ["", "ftp://huggingface.co", "huggingface.co", "https://", "file:///etc"])
    func `what is no address is refused`(endpoint: String) {
        let error = #expect(throws: KuklaError.self) {
            _ = try ModelHub(cache: URL(fileURLWithPath: "/cache"), endpoint: endpoint)
        }
        #expect(error?.code == .usage)
    }

    @Test(arguments: ["", "..", "a/../b", "main?x", "a b", "/main", "-x"])
    func `what is no revision is refused before anything is asked`(revision: String) async throws {
        let hub = try ModelHub(cache: URL(fileURLWithPath: "/nonexistent"), endpoint: "http://127.0.0.1:1")
        let model = try ModelIdentifier("a/b")
        let error = await #expect(throws: KuklaError.self) {
            _ = try await hub.get(model, revision: revision)
        }
        #expect(error?.code == .usage)
    }
}
