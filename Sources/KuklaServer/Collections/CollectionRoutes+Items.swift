import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import NIOCore

/// Writing, deleting and looking at items.
extension CollectionRoutes {
    func addItems(to router: Router<RequestScope>) {
        router.post("collections/{name}/items") { request, context in try await upsert(request, context) }
        router.post("collections/{name}/import") { request, context in
            try await importItems(request, context)
        }
        router.post("collections/{name}/delete") { request, context in try await delete(request, context) }
        router.post("collections/{name}/count") { request, context in try await count(request, context) }
        router.get("collections/{name}/items") { request, context in try await scan(request, context) }
        router.get("collections/{name}/items/{id}") { request, context in try await get(request, context) }
        router.post("collections/{name}/index") { request, context in try await index(request, context) }
    }

    // MARK: - Write

    private func upsert(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.write)
        let body = try await collect(request)
        return try await whileReplaced { _ in try await upsert(body, context) }
    }

    private func upsert(_ body: ByteBuffer, _ context: RequestScope) async throws -> Response {
        let (collection, items) = try await writing(context) { collection in
            var items: PendingItems?
            try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
                guard key == "items" else { return false }
                items = try Self.items(&scanner, of: collection)
                return true
            }
            return (collection, try RequestMembers.need(items, "items"))
        }
        let made = try await vectors(of: items, collection, context)
        return try await writing(context) { now in
            // What was made for the old one may be of another model.
            guard now === collection else { throw Store.replacement(of: collection) }
            let report = try Self.blamingRequest("items") { () throws(KuklaError) in
                try collection.upsert(items.batch(made))
            }
            return JSONWriter.response { object in
                object.member("inserted", report.inserted)
                object.member("replaced", report.replaced)
            }
        }
    }

    private static func items(
        _ scanner: inout JSONScanner, of collection: StoredCollection
    ) throws(JSONFault) -> PendingItems {
        var items = PendingItems(collection)
        try scanner.array { (scanner) throws(JSONFault) in
            do throws(JSONFault) { try items.read(&scanner, at: items.count) } catch {
                throw scanner.fault("item \(items.count): \(error.what)")
            }
        }
        return items
    }

    /// The vectors of the items that came without one; nil where all have theirs.
    func vectors(
        of items: PendingItems, _ collection: StoredCollection, _ context: RequestScope
    ) async throws -> Matrix? {
        guard !items.bare.isEmpty else { return nil }
        return try await ItemTexts(collection, server, context).vectorsOfItems(items.bareTexts)
    }

    /// What `body` returns; data that the store refuses are the request's.
    static func blamingRequest<Result>(
        _ parameter: String, _ body: () throws(KuklaError) -> Result
    ) throws -> Result {
        do throws(KuklaError) { return try body() } catch {
            guard error.code == .badData else { throw error }
            throw APIFailure(.invalidRequest, error.message, code: "invalid_item", parameter: parameter)
        }
    }

    private func delete(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.write)
        let body = try await collect(request)
        return try await writing(context) { collection in
            var ids: [ItemID]?
            var condition: JSONValue?
            try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
                switch key {
                case "ids":
                    var list: [ItemID] = []
                    try scanner.array { (scanner) throws(JSONFault) in list.append(try scanner.itemID()) }
                    ids = list
                case "where": condition = try scanner.value()
                default: return false
                }
                return true
            }
            let report: WriteReport
            switch (ids, try RequestMembers.filter(condition)) {
            case (let ids?, nil): report = try collection.delete(ids)
            case (nil, let filter?): report = try collection.delete(where: filter)
            default:
                throw APIFailure(
                    .invalidRequest, "Say what to delete: either by 'ids' or by 'where'.",
                    code: "missing_parameter", parameter: "ids")
            }
            return JSONWriter.response { $0.member("deleted", report.deleted) }
        }
    }

    private func index(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.write)
        let body = try await collect(request)
        var path: String?
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            guard key == "path" else { return false }
            path = try scanner.string()
            return true
        }
        let wanted = try RequestMembers.need(path, "path")
        let parsed = try RequestMembers.blaming("path") { () throws(KuklaError) in
            try MetadataPath(parsing: wanted)
        }
        return try await writing(context) { collection in
            let most = 64
            let paths = try collection.info().indexedPaths
            guard paths.contains(parsed.description) || paths.count < most else {
                throw APIFailure(
                    .invalidRequest,
                    "The collection has \(most) indexed paths already, the most there can be.",
                    code: "too_many_paths", parameter: "path")
            }
            try collection.index(parsed)
            let all = try collection.info().indexedPaths
            return JSONWriter.response { $0.member("indexed_paths", all) }
        }
    }

    // MARK: - Look at

    private func count(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.read)
        let body = try await collect(request)
        var condition: JSONValue?
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            guard key == "where" else { return false }
            condition = try scanner.value()
            return true
        }
        let filter = try RequestMembers.filter(condition)
        return try await reading(context) { collection in
            let count = try collection.count(where: filter)
            return JSONWriter.response { $0.member("count", count) }
        }
    }

    private func get(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.read)
        let id = try Self.decoded("id", in: context)
        let withVector = try QueryParameters(request, known: ["vectors"]).flag("vectors")
        return try await reading(context) { collection in
            guard let item = try collection.items(ids(id), withVectors: withVector).first else {
                throw APIFailure(
                    .notFound, "There is no item '\(id.prefix(200))' in the collection '\(collection.name)'.",
                    code: "unknown_item", parameter: "id")
            }
            return JSONWriter.response { $0.describe(item) }
        }
    }

    /// What the text of an id means: itself, and the number that it is written like.
    private func ids(_ text: String) -> [ItemID] {
        guard let number = UInt64(text), String(number) == text, number <= Int64.max else {
            return [.text(text)]
        }
        return [.text(text), .number(number)]
    }

    private func scan(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.read)
        let query = try QueryParameters(request, known: ["count", "after", "by", "where", "vectors"])
        let count = try query.integer("count", in: 1...10_000, otherwise: 100)
        let position = try Self.position(query)
        let filter = try query.filter()
        let withVectors = try query.flag("vectors")
        return try await reading(context) { collection in
            // One more says whether there is a next page.
            var items = try collection.scan(
                after: position, count: count + 1, where: filter, withVectors: withVectors)
            let isLast = items.count <= count
            items = Array(items.prefix(count))
            return JSONWriter.response { object in
                object.member("items") { writer in
                    writer.array(items) { writer, item in writer.object { $0.describe(item) } }
                }
                object.member("next") { writer in
                    guard !isLast, let last = items.last else { return writer.null() }
                    if case .id = position {
                        writer.value(Self.cursor(last.id))
                    } else {
                        writer.value(Int(last.sequence))
                    }
                }
            }
        }
    }

    /// From where a page goes on.
    private static func position(_ query: QueryParameters) throws(APIFailure) -> ScanPosition {
        let after = query.text("after")
        switch query.text("by") {
        case nil, "operation":
            guard let after else { return .operation(0) }
            guard let operation = Int64(after), operation >= 0 else {
                throw query.invalid("after", "the number of an operation")
            }
            return .operation(operation)
        case "id":
            guard let after else { return .id(nil) }
            if case .string(let text)? = try? JSONValue(parsing: after) { return .id(.text(text)) }
            if let number = UInt64(after), number <= Int64.max { return .id(.number(number)) }
            return .id(.text(after))
        default: throw query.invalid("by", "'operation' or 'id'")
        }
    }

    /// An id as the query's `after` means it: texts stand in quotes, so that `7` and `"7"` are two.
    private static func cursor(_ id: ItemID) -> String {
        switch id {
        case .number(let number): String(number)
        case .text(let text): JSONValue.string(text).description
        }
    }

    func collect(_ request: Request) async throws -> ByteBuffer {
        try await request.collect(
            upTo: server.configuration.maximumBody, within: server.configuration.timeout)
    }
}

extension JSONWriter {
    mutating func value(_ id: ItemID) {
        switch id {
        case .number(let number): raw(String(number))
        case .text(let text): value(text)
        }
    }
}

extension JSONWriter.Members {
    /// An item, with its vector where it was asked for.
    mutating func describe(_ item: StoredItem) {
        member("id") { $0.value(item.id) }
        member("text", item.text)
        member("metadata", JSONValue.object(item.metadata))
        if let vector = item.vector { member("vector") { $0.numbers(vector) } }
    }
}
