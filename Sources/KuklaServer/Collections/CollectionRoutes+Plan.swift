import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// What the index is made of, making it, and a map of what is in it.
extension CollectionRoutes {
    func addPlans(to router: Router<RequestScope>) {
        router.post("collections/{name}/compact") { request, context in
            try await compact(request, context)
        }
        router.get("collections/{name}/plan") { _, context in
            try await reading(context) { collection in
                let (plan, recall) = (try collection.plan(), collection.recallCalibration)
                return JSONWriter.response { object in
                    object.describe(plan)
                    object.member("recall") { writer in
                        if let recall { writer.snakeCased(recall) } else { writer.null() }
                    }
                }
            }
        }
        router.get("collections/{name}/map") { request, context in try await map(request, context) }
    }

    private func compact(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.requireScope(.write)
        let body = try await collect(request)
        var isRebuilding = false
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            guard key == "rebuild" else { return false }
            isRebuilding = try scanner.boolean()
            return true
        }
        let rebuilds = isRebuilding
        return try await writing(context) { collection in
            let report = try collection.compact(rebuilding: rebuilds)
            return JSONWriter.response { object in
                object.member("count", report.count)
                object.member("configuration", report.configuration?.description)
                object.member("rebuilt", report.isRebuilt)
            }
        }
    }

    private func map(_ request: Request, _ context: RequestScope) async throws -> Response {
        let count = try QueryParameters(request, known: ["count"]).integer(
            "count", in: 1...10_000, otherwise: 2000)
        return try await reading(context) { collection in
            let map = try CollectionMap(of: collection, count: count)
            return JSONWriter.response { object in
                object.member("points") { writer in
                    writer.array(map.points) { writer, point in
                        writer.object { object in
                            object.member("id") { $0.value(point.item.id) }
                            object.member("x", point.x)
                            object.member("y", point.y)
                            object.member("text", point.item.text.map { String($0.prefix(200)) })
                        }
                    }
                }
                object.member("explained_variance") { $0.numbers(map.explainedVariance) }
            }
        }
    }
}

extension JSONWriter.Members {
    fileprivate mutating func describe(_ plan: CollectionPlan) {
        member("configuration", plan.configuration.description)
        member("effort", plan.effort)
        member("reason", plan.reason)
        member("fit") { writer in
            guard let fit = plan.fit else { return writer.null() }
            writer.object { object in
                object.member("operation", Int(fit.operation))
                object.member("count", fit.count)
                object.member("reason", fit.reason.rawValue)
            }
        }
        member("report", plan.report ?? .null)
    }
}
