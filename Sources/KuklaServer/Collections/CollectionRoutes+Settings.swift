import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import NIOCore

/// What collections there are, making them and dropping them.
extension CollectionRoutes {
    func addSettings(to router: Router<RequestScope>) {
        router.get("collections") { _, context in try await list(context) }
        router.get("collections/{name}") { _, context in
            try await reading(context) { try JSONWriter.response(of: $0.info()) }
        }
        router.put("collections/{name}") { request, context in try await create(request, context) }
        router.delete("collections/{name}") { _, context in try await drop(context) }
    }

    private func list(_ context: RequestScope) async throws -> Response {
        let principal = context.principal
        try principal.require(.read)
        return try await server.reading.run {
            // One that is dropped meanwhile is not there.
            let all = try store.names.filter { principal.mayRead($0.description) }.compactMap { name in
                do throws(KuklaError) { return try store.collection(name.description).info() } catch {
                    if store.names.contains(name) { throw error }
                    return nil as CollectionInfo?
                }
            }
            let aliases = try store.aliases()
            return JSONWriter.response { object in
                object.member("collections") { writer in
                    writer.array(all) { writer, info in writer.object { $0.describe(info) } }
                }
                object.member("aliases") { $0.aliases(aliases, for: principal) }
            }
        }
    }

    private func create(_ request: Request, _ context: RequestScope) async throws -> Response {
        let name = try name(in: context)
        try context.principal.require(.admin, collection: name.description)
        let body = try await request.collect(upTo: 1 << 20, within: server.configuration.timeout)
        let (wanted, served) = (try CreateBody(body), server.served)
        let settings = try wanted.settings(default: served)
        // Only who names the model says that all vectors will be its own.
        let model = wanted.model != nil && wanted.model == served?.name ? served?.identity : nil
        return try await server.writing.run {
            let taken = APIFailure(
                .conflict,
                "There is a collection or an alias '\(name)' already: take another name, or drop it first.",
                code: "collection_exists", parameter: "name")
            if try store.isTaken(name) { throw taken }
            do throws(KuklaError) {
                let made = try store.create(name.description, settings, vectorsBy: model)
                return try JSONWriter.response(status: .created, of: made.info())
            } catch {
                if error.code == .usage, try store.isTaken(name) { throw taken }
                throw error
            }
        }
    }

    private func drop(_ context: RequestScope) async throws -> Response {
        let name = try name(in: context)
        try context.principal.require(.admin, collection: name.description)
        return try await server.writing.run {
            guard store.names.contains(name) else {
                throw APIFailure(
                    .notFound, "There is no collection '\(name)'.", code: "unknown_collection",
                    parameter: "name")
            }
            if let alias = try store.aliases().first(where: { $0.value == name })?.key {
                throw APIFailure(
                    .conflict,
                    "The alias '\(alias)' stands for the collection '\(name)': point it elsewhere or remove it first.",
                    code: "collection_has_alias", parameter: "name")
            }
            try reencodings.refuseWhileRunning(name)
            do throws(KuklaError) { try store.drop(name.description) } catch {
                throw error.code == .usage ? APIFailure(error) : error
            }
            return JSONWriter.response { $0.member("deleted", true) }
        }
    }
}

/// What a request to create a collection says.
private struct CreateBody {
    private var dimensions: Int?
    private var metric = Metric.cosine
    private var format = CollectionSettings.VectorFormat.float32
    private var plan = CollectionSettings.Plan.exact
    private(set) var model: String?

    init(_ body: ByteBuffer) throws(APIFailure) {
        var (dimensions, metric, format, model): (Int?, String?, String?, String?)
        var plan: PlanMember?
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "dimensions": dimensions = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "metric": metric = try scanner.string()
            case "vector_format": format = try scanner.string()
            case "model": model = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "plan": plan = try PlanMember(&scanner)
            default: return false
            }
            return true
        }
        self.dimensions = dimensions
        self.model = model
        if let metric { self.metric = try RequestMembers.choice(metric, "metric") }
        if let format { self.format = try RequestMembers.choice(format, "vector_format") }
        if let plan { self.plan = try plan.plan() }
    }

    /// The settings; what the request leaves out is the server's model's.
    func settings(default served: ServedModel?) throws(APIFailure) -> CollectionSettings {
        guard let dimensions = dimensions ?? served?.dimensions else {
            throw APIFailure(
                .invalidRequest,
                "The request has no 'dimensions', and this server no model whose dimensions it could mean.",
                code: "missing_parameter", parameter: "dimensions")
        }
        // Vectors of other dimensions are not the model's.
        let implied = dimensions == served?.dimensions ? served?.name : nil
        let (metric, format, plan, model) = (metric, format, plan, model ?? implied)
        return try RequestMembers.blaming("plan", code: "invalid_settings") { () throws(KuklaError) in
            try CollectionSettings(
                dimensions: dimensions, metric: metric, vectorFormat: format, plan: plan, model: model)
        }
    }
}

extension JSONWriter {
    static func response(status: HTTPResponse.Status = .ok, of info: CollectionInfo) -> Response {
        response(status: status) { $0.describe(info) }
    }

    /// The aliases that somebody may see, as an object.
    mutating func aliases(_ aliases: [CollectionName: CollectionName], for principal: Principal) {
        object { object in
            for (alias, name) in aliases.sorted(by: { $0.key.description < $1.key.description })
            where principal.mayRead(name.description) {
                object.member(alias.description, name.description)
            }
        }
    }
}

extension JSONWriter.Members {
    /// Which model it is.
    mutating func describe(_ model: ModelIdentity) {
        member("name", model.name)
        member("digest", model.digest)
    }

    /// What a collection is, in figures.
    mutating func describe(_ info: CollectionInfo) {
        let settings = info.settings
        member("name", info.name)
        member("count", info.count)
        member("operation", Int(info.operation))
        member("dimensions", settings.dimensions)
        member("metric", settings.metric.rawValue)
        member("vector_format", settings.vectorFormat.rawValue)
        member("plan") { writer in
            switch settings.plan {
            case .factory(let configuration): writer.value(configuration.description)
            case .budget(let bytes, let items):
                writer.object { plan in
                    plan.member("budget", bytes)
                    plan.member("fit_at", items)
                }
            }
        }
        member("model", settings.model)
        member("models") { writer in
            writer.array(info.models) { writer, model in writer.object { $0.describe(model) } }
        }
        member("index") { writer in
            guard let index = info.index else { return writer.null() }
            writer.object { object in
                object.member("configuration", index.configuration.description)
                object.member("count", index.count)
                object.member("deleted", index.deleted)
                object.member("trained_on", index.trainedOn)
                object.member("bytes_per_vector", index.bytesPerVector)
                object.member("file_bytes", index.fileBytes)
            }
        }
        member("fresh", info.fresh)
        member("unheld", info.unheld)
        member("database_bytes", info.databaseBytes)
        member("indexed_paths", info.indexedPaths)
    }
}
