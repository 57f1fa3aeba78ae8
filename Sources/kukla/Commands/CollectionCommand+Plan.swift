import ArgumentParser
import KuklaFormats
import KuklaNumerics
import KuklaStore

extension CollectionCommand {
    /// `kukla collection plan`
    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan",
            abstract: "Say what the index is made of, why, and what its searches were measured to find.",
            discussion: """
                Example:
                  kukla collection plan data notes --json
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let collection: String
            let plan: CollectionPlan
            let recall: RecallCalibration?
        }

        func run() throws {
            try store.collection(name) { collection in
                let (plan, recall) = (try collection.plan(), collection.recallCalibration)
                if reporting.json {
                    return try printJSON(Result(collection: name, plan: plan, recall: recall))
                }
                print("\(name): \(plan.configuration)\(plan.effort.map { ", effort \($0)" } ?? "")")
                print("  \(plan.reason)")
                guard let recall else { return }
                print(
                    "  Recall measured with \(recall.queries) \(recall.source == .logged ? "searches" : "items held out"), over \(Quantity.count(recall.items)) items:"
                )
                for curve in recall.curves {
                    for step in curve.steps {
                        print(
                            "    \(curve.count) best: \(step.effort.map { "effort \($0), " } ?? "")\(step.candidates) candidates find \(Quantity.fraction(step.recall))"
                        )
                    }
                }
            }
        }
    }
}
