import KuklaTables
import Testing
