import KuklaNumerics
import KuklaTables

extension StudyBench {
    /// Figures about a model that is trained, or was by an earlier run: see ``trained(_:figures:)``.
    ///
    /// - Parameters:
    ///   - budget: bytes that the table may take; nil: as the method is without a limit.
    ///   - figures: what is wanted of the trained model; the same for all trainings of an experiment.
    func trained(
        _ experiment: TableExperiment, _ table: TableConfiguration, width: Int, budget: Int?, seed: UInt64,
        figures: (TrainedClickModel) throws(KuklaError) -> [Double]
    ) throws(KuklaError) -> [Double] {
        let parts = [experiment.fingerprint, "\(table) \(width) \(budget ?? -1)", "\(seed)"]
        return try trained(parts) { () throws(KuklaError) in
            try figures(experiment.train(table, width: width, budget: budget, seed: seed))
        }
    }
}
