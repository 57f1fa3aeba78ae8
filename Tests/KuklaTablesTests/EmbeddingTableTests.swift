import Testing
import KuklaTables
