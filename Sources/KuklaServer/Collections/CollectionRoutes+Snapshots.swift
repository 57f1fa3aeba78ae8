import Foundation
import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore

/// Copies of collections as they were, in a folder beside the store.
extension CollectionRoutes {
    func addSnapshots(to router: Router<RequestScope>) {
        router.get("snapshots") { _, context in
            // They do not say of which collection they are: not for keys of some.
            try context.principal.require(.admin)
            return try await server.reading.run {
                let names = store.snapshotNames
                return JSONWriter.response { $0.member("snapshots", names.map(\.description)) }
            }
        }
        router.post("collections/{name}/snapshot") { request, context in
            try await snapshot(request, context)
        }
        router.post("collections/{name}/restore") { request, context in
            try await restore(request, context)
        }
    }

    private func snapshot(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.admin)
        let body = try await collect(request)
        var given: String?
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            guard key == "name" else { return false }
            given = try scanner.string()
            return true
        }
        let name = try Self.name(RequestMembers.need(given, "name"), "name")
        return try await writing(context, .admin) { collection in
            let taken = APIFailure(
                .conflict, "There is a snapshot '\(name)' already: take another name.",
                code: "snapshot_exists", parameter: "name")
            guard !store.hasSnapshot(name) else { throw taken }
            do throws(KuklaError) {
                try store.makeSnapshotFolder()
                try collection.snapshot(to: store.snapshot(name))
            } catch {
                // Two at a time.
                throw error.code == .usage && store.hasSnapshot(name) ? taken : error
            }
            return JSONWriter.response(status: .created) { $0.member("snapshot", name.description) }
        }
    }

    private func restore(_ request: Request, _ context: RequestScope) async throws -> Response {
        let name = try name(in: context)
        try context.principal.require(.admin)
        let body = try await collect(request)
        var given: String?
        var isReplacing = false
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "snapshot": given = try scanner.string()
            case "replace": isReplacing = try scanner.boolean()
            default: return false
            }
            return true
        }
        let snapshot = try Self.name(RequestMembers.need(given, "snapshot"), "snapshot")
        let replaces = isReplacing
        return try await server.writing.run {
            guard store.hasSnapshot(snapshot) else {
                throw APIFailure(
                    .notFound, "There is no snapshot '\(snapshot)'.", code: "unknown_snapshot",
                    parameter: "snapshot")
            }
            let taken = APIFailure(
                .conflict,
                "There is a collection or an alias '\(name)' already: say \"replace\": true to replace a collection, or take another name.",
                code: "collection_exists", parameter: "name")
            if try store.aliases()[name] != nil || (!replaces && store.names.contains(name)) { throw taken }
            try reencodings.refuseWhileRunning(name)
            do throws(KuklaError) {
                let made = try store.restore(
                    name.description, from: store.snapshot(snapshot), replacing: replaces)
                return try JSONWriter.response(status: .created, of: made.info())
            } catch {
                throw try error.code == .usage && store.isTaken(name) ? taken : error
            }
        }
    }
}

/// Snapshots that requests made: `NAME.snapshots` beside the folder `NAME` of the store.
extension Store {
    private var snapshotFolder: URL {
        let folder = url.standardizedFileURL
        return folder.deletingLastPathComponent()
            .appending(path: folder.lastPathComponent + ".snapshots", directoryHint: .isDirectory)
    }

    func snapshot(_ name: CollectionName) -> URL { snapshotFolder.appending(path: name.description) }

    func hasSnapshot(_ name: CollectionName) -> Bool {
        FileManager.default.fileExists(atPath: snapshot(name).path)
    }

    func makeSnapshotFolder() throws(KuklaError) {
        do {
            try FileManager.default.createDirectory(at: snapshotFolder, withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(snapshotFolder.path).", cause: error)
        }
    }

    /// All of them, in order.
    var snapshotNames: [CollectionName] {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: snapshotFolder.path)) ?? []
        return found.sorted().compactMap { try? CollectionName($0) }
    }
}
