"""Write a model for the runtime, compared with torch: a SentenceTransformer in, a folder out that both load."""

from tiered_st.exporting.export_model import ExportReport, export

__all__ = ["ExportReport", "export"]
